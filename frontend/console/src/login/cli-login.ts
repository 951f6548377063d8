/** What `pulumi login` asks for in the address that it opens. */
export interface CliLogin {
  /** Where the CLI listens on the person's own machine. */
  port: number;
  /** Must come back with the token, so that the CLI knows that its own question was answered. */
  nonce: string;
  /** The program, such as pulumi. */
  command: string;
  /** The machine as the CLI names it; null when it does not. Claimed by whoever made the address. */
  machine: string | null;
}

/** Below it are ports of the system's own services, which no CLI listens on. */
const LOWEST_PORT = 1024;
const HIGHEST_PORT = 65_535;
const LONGEST_NAME = 100;
const NONCE = /^[0-9A-Za-z_-]{16,256}$/;
const MACHINE = / on (.+?) at \d/;

/** Reads the query of the address; null when it is not one that a CLI makes. `ownPort` is where the console itself is. */
export function readCliLogin(search: string, ownPort: string): CliLogin | null {
  const query = new URLSearchParams(search);
  const port = query.get("cliSessionPort") ?? "";
  const nonce = query.get("cliSessionNonce") ?? "";
  const isPort = /^[0-9]{4,5}$/.test(port) && Number(port) >= LOWEST_PORT && Number(port) <= HIGHEST_PORT;
  if (!isPort || port === ownPort || !NONCE.test(nonce)) return null;
  const command = query.get("cliCommand") ?? "pulumi";
  const machine = MACHINE.exec(query.get("cliSessionDescription") ?? "")?.[1]?.slice(0, LONGEST_NAME) ?? null;
  return { port: Number(port), nonce, command: /^[a-z-]{1,30}$/.test(command) ? command : "pulumi", machine };
}

/** The name that the token gets, at most as long as one may be. */
export function tokenName({ command, machine }: CliLogin): string {
  return `${command} login${machine === null ? "" : ` on ${machine}`}`.slice(0, LONGEST_NAME);
}

/**
 * Where the browser takes the token: to the CLI on the person's own machine and nowhere else. By number and not as localhost, since the CLI
 * listens on 127.0.0.1 only: of several users of a machine another one may listen on the same port of ::1, which browsers try first.
 */
export function callbackUrl({ port, nonce }: CliLogin, token: string): string {
  const url = new URL(`http://127.0.0.1:${port}/`);
  url.searchParams.set("accessToken", token);
  url.searchParams.set("nonce", nonce);
  return url.href;
}
