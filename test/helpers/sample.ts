import { spawn } from "node:child_process";
import { createServer } from "node:net";
import path from "node:path";

const root = path.resolve(import.meta.dirname, "../..");

/** Runs a command (argv) to its end with the repository's tools first on PATH. Throws with its output when it fails. */
export async function run(argv: readonly string[], cwd: string): Promise<void> {
  const [program, ...rest] = argv;
  if (program === undefined) throw new Error("no command was given");
  const bin = path.join(root, "node_modules/.bin");
  const child = spawn(program, rest, {
    cwd,
    env: { ...process.env, PATH: `${bin}:${process.env.PATH ?? ""}` },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0) throw new Error(`${argv.join(" ")} ended with ${code}:\n${output}`);
}

/** Builds one workspace by the script that slipway.yaml declares, into a folder of the test's own. */
export async function build(workspace: string, outDir: string): Promise<void> {
  await run(
    ["npm", "run", "build", "--workspace", workspace, "--", "--outDir", outDir, "--emptyOutDir"],
    root,
  );
}

/** A loopback port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port was given");
  return address.port;
}
