import { createClient, ProblemError } from "../../client/index.ts";
import { messageOf } from "../../errors.ts";
import { normaliseUrl, serverUrl } from "../connection.ts";
import type { CommonOptions } from "../context.ts";
import { readCredentials, removeToken } from "../credentials.ts";
import { withCommonOptions } from "../options.ts";
import { printJson, printLine } from "../output.ts";
import type { Register } from "../program.ts";

export const register: Register = (program, context) => {
  withCommonOptions(program.command("logout"))
    .description(
      "end the sign-in with a server and forget its token on this machine; the token itself stays valid",
    )
    .argument("[url]", "the server; by default the one that commands use now")
    .action(async (given: string | undefined, options: CommonOptions) => {
      const baseUrl = given === undefined ? await serverUrl(context, options) : normaliseUrl(given);
      const stored = (await readCredentials(context))?.servers[baseUrl];
      const session = stored?.session;
      const unended = session === undefined ? null : await endSession(baseUrl, session.value);
      // Also when the server cannot be reached: what is forgotten here cannot be used from here.
      const file = stored === undefined ? null : await removeToken(context, baseUrl);
      if (options.json === true) {
        printJson(context, { server: baseUrl, forgotten: stored !== undefined, unended });
        return;
      }
      printLine(
        context,
        file === null
          ? `No token for ${baseUrl} is stored here.`
          : `The token for ${baseUrl} is no longer in ${file}. It stays valid: slipway tokens revoke ends it.`,
      );
      if (unended !== null)
        printLine(
          context,
          `The sign-in could not be ended and lasts until ${session?.expiresAt}: ${unended}`,
        );
    });
};

/** Null: ended, or it was over. Else why it could not be ended. */
async function endSession(baseUrl: string, value: string): Promise<string | null> {
  try {
    await createClient({ baseUrl, token: value }).signOut();
    return null;
  } catch (thrown) {
    if (thrown instanceof ProblemError && (thrown.problem.status === 401 || thrown.problem.status === 404))
      return null;
    return messageOf(thrown);
  }
}
