import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { z } from "zod";
import { messageOf, SlipwayError, systemCode } from "../errors.ts";
import type { CliContext } from "./context.ts";

const Credentials = z.strictObject({
  /** The server that `login` was run for last. */
  current: z.string(),
  /** Token by server URL. */
  servers: z.record(
    z.string(),
    z.strictObject({
      token: z.string(),
      /** Of the person who logged in last: what only people do asks for it. */
      session: z.strictObject({ value: z.string(), expiresAt: z.string() }).optional(),
    }),
  ),
});
export type Credentials = z.infer<typeof Credentials>;

/** Where `login` keeps tokens: $XDG_CONFIG_HOME/slipway/credentials.json, by default under ~/.config. */
function credentialsFile(context: Pick<CliContext, "env">): string {
  const home = context.env.HOME ?? homedir();
  return path.join(context.env.XDG_CONFIG_HOME || path.join(home, ".config"), "slipway", "credentials.json");
}

/** What `login` stored, or null when it never ran. Throws `cli_credentials` for a file that is not ours. */
export async function readCredentials(context: Pick<CliContext, "env">): Promise<Credentials | null> {
  const file = credentialsFile(context);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (thrown) {
    if (systemCode(thrown) === "ENOENT") return null;
    throw new SlipwayError("cli_credentials", `${file} cannot be read: ${messageOf(thrown)}`, {
      cause: thrown,
      remedy: "Make it readable by you, or remove it and run `slipway login`.",
    });
  }
  try {
    return Credentials.parse(JSON.parse(text));
  } catch (thrown) {
    throw new SlipwayError("cli_credentials", `${file} is not a credentials file of this version.`, {
      cause: thrown,
      remedy: "Remove it and run `slipway login`.",
    });
  }
}

/** Stores the token of a server and makes that server the default one. */
export async function storeToken(
  context: Pick<CliContext, "env">,
  server: string,
  token: string,
  session?: { value: string; expiresAt: string },
): Promise<string> {
  const before = await readCredentials(context);
  return writeCredentials(context, {
    current: server,
    servers: { ...before?.servers, [server]: { token, ...(session === undefined ? {} : { session }) } },
  });
}

/** Forgets the token of a server, and the sign-in with it. Later commands still speak to the server of the last login. Answers the file, which goes with the last token. */
export async function removeToken(context: Pick<CliContext, "env">, server: string): Promise<string> {
  const before = await readCredentials(context);
  const { [server]: _, ...servers } = before?.servers ?? {};
  if (before !== null && Object.keys(servers).length > 0)
    return writeCredentials(context, { ...before, servers });
  const file = credentialsFile(context);
  await rm(file, { force: true });
  return file;
}

async function writeCredentials(context: Pick<CliContext, "env">, after: Credentials): Promise<string> {
  const file = credentialsFile(context);
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  // A reader never sees half a file, and the token is never in one that others may read.
  const draft = `${file}.${process.pid}.new`;
  try {
    await writeFile(draft, `${JSON.stringify(after, null, 2)}\n`, { mode: 0o600, flag: "wx" });
    await rename(draft, file);
  } finally {
    await rm(draft, { force: true });
  }
  return file;
}
