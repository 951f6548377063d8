import { type Connection, parseAnswer, send, urlOf } from "../../client/call.ts";
import type { Client } from "../../client/index.ts";
import {
  IMPORT_MEDIA_TYPE,
  IMPORT_PATH,
  type ImportStanding,
  StateImport,
} from "../../contract/state-imports.ts";
import type { PackedStack } from "./pack-stack.ts";

/** Where the import of one packed stack stands on the server. */
export async function askStanding(
  client: Client,
  organisation: string,
  { project, stack, digest }: { project: string; stack: string; digest: string },
  signal: AbortSignal,
): Promise<ImportStanding> {
  const { items } = await client.planStateImport({
    body: { organisation, stacks: [{ project, stack, digest }] },
    signal,
  });
  return items[0]?.standing ?? "forbidden";
}

/** Sends a packed stack. Throws ProblemError for a refusal: then nothing of it was stored. */
export async function sendImport(
  connection: Connection,
  { digest, body }: PackedStack,
  signal: AbortSignal,
): Promise<StateImport> {
  const withBody: typeof fetch = (input, init) => fetch(input, { ...init, body });
  const response = await send(
    { ...connection, fetch: withBody },
    "POST",
    urlOf(connection.baseUrl, IMPORT_PATH, { query: { digest } }),
    { headers: { "content-type": IMPORT_MEDIA_TYPE, "content-encoding": "zstd" }, signal },
  );
  return parseAnswer(StateImport, await response.json());
}
