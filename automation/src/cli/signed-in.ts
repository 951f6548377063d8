import type { Client } from "../client/index.ts";
import { createClient, ProblemError } from "../client/index.ts";
import { connectionTo, serverUrl } from "./connection.ts";
import type { CliContext, CommonOptions } from "./context.ts";
import { readCredentials } from "./credentials.ts";

/** A session that `login` made, with its end (ISO 8601). */
export interface StoredSession {
  value: string;
  expiresAt: string;
}

/**
 * A client for what only a person does who has signed in: with the session of the last `login`, else with the caller's token, which the server then refuses and says why. A token that is
 * named by an option or the environment counts before a session.
 */
export async function connectSignedIn(context: CliContext, options: CommonOptions): Promise<Client> {
  if (options.tokenFile === undefined && !context.env.SLIPWAY_TOKEN) {
    const baseUrl = await serverUrl(context, options);
    const session = (await readCredentials(context))?.servers[baseUrl]?.session;
    if (session !== undefined && Date.parse(session.expiresAt) > Date.now())
      return createClient({ baseUrl, token: session.value });
  }
  return createClient(await connectionTo(context, options));
}

/** Signs in with a person's token; undefined for a token of nobody who could: a service account's, or a session. */
export async function signInWith(client: Client): Promise<StoredSession | undefined> {
  try {
    const { value, expiresAt } = await client.signIn();
    return { value, expiresAt };
  } catch (thrown) {
    if (thrown instanceof ProblemError && thrown.problem.status === 403) return undefined;
    throw thrown;
  }
}
