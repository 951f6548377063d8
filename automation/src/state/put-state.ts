import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import type { Database, Transaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { appendState } from "./states-store.ts";
import { runWork } from "./threads/pool.ts";

/** A state that somebody puts in the place of a stack's state. */
export interface PutState {
  stackId: string;
  /** JSON text of the UntypedDeployment, checked by the caller. */
  text: string;
  resourceCount: number;
  /** `import`: a person brought a whole state. `edit`: a command of the CLI changed parts of it. */
  kind: "import" | "edit";
  principal: string;
  message: string | null;
  /** User-Agent of the client. */
  client: string | null;
  /** The attempt that holds the stack, whose deployment does it; null: nobody holds it. */
  by?: { attemptId: string; deploymentId: string; epoch: number };
}

/**
 * Checks a state that replaces a stack's state, before any transaction. Throws SlipwayError `invalid_state`, also for one whose secrets another service has sealed: no
 * update could open it.
 */
export async function readImport(
  { db, keyring }: { db: Database; keyring: Keyring },
  stackId: string | null,
  text: string,
): Promise<{ text: string; resourceCount: number }> {
  const { resourceCount, sealedByService } = await runWork("checkImport", { text }, text.length);
  if (sealedByService !== null) {
    const sealed = Buffer.from(sealedByService, "base64");
    // A stack that is yet to be made has sealed nothing.
    if (stackId === null) throw foreignSecrets();
    await keyring.open(db, stackId, "config", sealed).catch((cause: unknown) => {
      throw cause instanceof SlipwayError && cause.code === "secret_unreadable"
        ? foreignSecrets(cause)
        : cause;
    });
  }
  return { text, resourceCount };
}

function foreignSecrets(cause?: unknown): SlipwayError {
  return new SlipwayError(
    "invalid_state",
    "Another stack or another server has sealed the secrets of this state.",
    {
      cause,
      remedy: "Export it where it comes from with pulumi stack export --show-secrets, and import that.",
    },
  );
}

/**
 * Makes a text the stack's state, as an update that is over at once: it has a number, is in the history and takes an epoch, so that whoever held the stack before can
 * write no more. The caller has locked the writer's row and found the stack free, or held by the attempt that it names. Answers the update's id and number.
 */
export async function putState(
  trx: Transaction,
  keyring: Keyring,
  put: PutState,
): Promise<{ updateId: string; number: number }> {
  const updateId = randomUUID();
  const { rows } = await sql<{ number: number }>`
    with numbered as (
      update stacks set next_update = next_update + 1 where id = ${put.stackId} returning next_update - 1 as number
    ), fenced as (${
      put.by === undefined
        ? sql`update stack_writers set epoch = epoch + 1 where stack_id = ${put.stackId} and holder is null returning epoch`
        : sql`select epoch from stack_writers where stack_id = ${put.stackId} and holder = ${put.by.attemptId} and epoch = ${put.by.epoch}`
    })
    insert into updates (id, stack_id, kind, dry_run, status, number, epoch, principal, message, client, config, base_state, resource_count,
      resource_changes, started_at, finished_at, attempt_id, deployment_id)
    select ${updateId}, ${put.stackId}, ${put.kind}, false, 'succeeded', numbered.number, fenced.epoch, ${put.principal}, ${put.message}, ${put.client},
      -- The CLI reads the newest update's config; one without would empty the local file.
      coalesce((select config from updates where stack_id = ${put.stackId} and number is not null order by number desc limit 1), '{}'),
      (select id from states where stack_id = ${put.stackId} order by number desc limit 1),
      ${put.resourceCount}, '{}', clock_timestamp(), clock_timestamp(), ${put.by?.attemptId ?? null}, ${put.by?.deploymentId ?? null}
    from numbered, fenced
    returning number
  `.execute(trx);
  const [row] = rows;
  if (row === undefined) throw new Error(`the stack ${put.stackId} is held although it was found free`);
  const { stackId, text, resourceCount } = put;
  const state = await appendState(trx, keyring, { stackId, updateId, text, resourceCount, partial: false });
  await trx.updateTable("updates").set({ state_id: state.id }).where("id", "=", updateId).execute();
  return { updateId, number: row.number };
}
