import path from "node:path";
import { createClient } from "../../client/index.ts";
import { normaliseUrl, readTokenFile, serverUrl } from "../connection.ts";
import type { CommonOptions } from "../context.ts";
import { storeToken } from "../credentials.ts";
import { usageError } from "../failure.ts";
import { readHidden } from "../hidden-input.ts";
import { withCommonOptions } from "../options.ts";
import { printJson, printLine } from "../output.ts";
import type { Register } from "../program.ts";
import { signInWith } from "../signed-in.ts";

export const register: Register = (program, context) => {
  withCommonOptions(program.command("login"))
    .description("check a token with a server, then store both for later commands (readable by you alone)")
    .argument("[url]", "the server; by default the one that commands use now")
    .action(async (given: string | undefined, options: CommonOptions) => {
      const baseUrl = given === undefined ? await serverUrl(context, options) : normaliseUrl(given);
      const token =
        options.tokenFile === undefined
          ? (await readHidden(context, `Token for ${baseUrl}`)).trim()
          : await readTokenFile(path.resolve(context.cwd, options.tokenFile));
      if (token === "") throw usageError("No token was given.", "Type it, feed it, or pass --token-file.");
      const client = createClient({ baseUrl, token });
      const principal = await client.whoami();
      const session = await signInWith(client);
      const file = await storeToken(context, baseUrl, token, session);
      const signedInUntil = session?.expiresAt ?? null;
      if (options.json === true) printJson(context, { server: baseUrl, principal, signedInUntil, file });
      else {
        printLine(context, `Logged in to ${baseUrl} as ${principal.name}. The token is in ${file}.`);
        if (signedInUntil !== null)
          printLine(context, `Signed in until ${signedInUntil}: for votes and emergencies.`);
      }
    });
};
