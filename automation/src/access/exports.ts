import { appendAudit } from "../audit/store.ts";
import type { Database } from "../database.ts";
import { withTransaction } from "../database.ts";
import { countRead, findRunningReader, nameOfStack } from "./readers-store.ts";
import type { Actor } from "./rules.ts";
import { runsAProgram } from "./rules.ts";

/** An export of a stack's state over the state backend. */
export interface NotedExport {
  actor: Actor;
  /** Whose outputs were read. */
  stackId: string;
  /** The User-Agent, which names the command of the CLI. */
  client: string | undefined;
  requestId: string | null;
}

/**
 * Records that a program has read another stack's outputs (StackReference), for the owner of these: each read is counted, the first of a
 * reader and day is audited. Answers false for any other export, and does nothing then. The reader is the attempt's stack; of a bare CLI run it is the stack where
 * its principal has a running update, which the CLI has whenever a program runs.
 */
export async function noteExport(
  db: Database,
  { actor, stackId, client, requestId }: NotedExport,
): Promise<boolean> {
  if (!runsAProgram(client)) return false;
  const own = actor.attempt?.stackId;
  if (own === stackId) return false;
  const reader = own ?? (await findRunningReader(db, actor.id, stackId));
  if (reader === undefined) return false;
  // All attempts of a stack are one reader.
  const principal = actor.attempt === null ? actor.id : "attempt";
  await withTransaction(db, async (trx) => {
    if (!(await countRead(trx, { stackId, readerStackId: reader, principal }))) return;
    const [name, readerName] = [await nameOfStack(trx, stackId), await nameOfStack(trx, reader)];
    if (name === undefined || readerName === undefined) return;
    await appendAudit(trx, {
      principal: actor.id,
      action: "outputs.read",
      organisation: name.organisation,
      subject: `${name.organisation}/${name.project}/${name.stack}`,
      details:
        readerName.organisation === name.organisation
          ? { reader: `${readerName.project}/${readerName.stack}` }
          : { reader: "another organisation" },
      requestId,
    });
  });
  return true;
}
