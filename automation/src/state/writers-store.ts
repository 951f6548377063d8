import { sql } from "kysely";
import type { Transaction } from "../database.ts";
import type { WriterRow } from "./rules.ts";
import type { UpdateRow } from "./updates-store.ts";

/**
 * Locks the right to write to a stack for the rest of the transaction. Always before the update's own row: two transactions that took them the other way
 * round would wait for each other.
 */
export async function lockWriter(trx: Transaction, stackId: string): Promise<WriterRow> {
  await sql`insert into stack_writers (stack_id) values (${stackId}) on conflict (stack_id) do nothing`.execute(
    trx,
  );
  const { rows } = await sql<WriterRow>`
    select holder, holder_kind as "holderKind", epoch, coalesce(expires_at > clock_timestamp(), false) as "isLive"
    from stack_writers where stack_id = ${stackId} for update
  `.execute(trx);
  return rows[0] ?? { holder: null, holderKind: null, epoch: 0, isLive: false };
}

/** Gives a stack that nobody holds to a bare update. The caller has locked the row. Answers the new epoch. */
export async function takeWriter(
  trx: Transaction,
  { stackId, updateId, leaseMs }: { stackId: string; updateId: string; leaseMs: number },
): Promise<number> {
  const { rows } = await sql<{ epoch: number }>`
    update stack_writers set holder = ${updateId}, holder_kind = 'update', epoch = epoch + 1,
      expires_at = clock_timestamp() + ${leaseMs} * interval '1 millisecond'
    where stack_id = ${stackId} and holder is null
    returning epoch
  `.execute(trx);
  const [row] = rows;
  if (row === undefined) throw new Error(`the stack ${stackId} is held although its row is locked as free`);
  return row.epoch;
}

/** Takes the right to write from a bare update; from nobody else. */
export async function freeWriter(
  trx: Transaction,
  { stackId, updateId, epoch }: { stackId: string; updateId: string; epoch: number },
): Promise<void> {
  await sql`
    update stack_writers set holder = null, holder_kind = null, expires_at = null
    where stack_id = ${stackId} and holder = ${updateId} and holder_kind = 'update' and epoch = ${epoch}
  `.execute(trx);
}

/** The number of a deployment that has the stack without holding it: its automatic rollback is to follow. Null when there is none. */
export async function deploymentWithoutHolder(trx: Transaction, stackId: string): Promise<number | null> {
  const { rows } = await sql<{ number: number }>`
    select number from deployments where stack_id = ${stackId} and status = 'running' and operation <> 'detect-drift'
      and verification is distinct from 'held' limit 1
  `.execute(trx);
  return rows[0]?.number ?? null;
}

/** Whether a bare update's right to write lasts, by the database's clock. The caller has locked the writer's row. */
export async function holdsStack(trx: Transaction, update: UpdateRow): Promise<boolean> {
  const { rows } = await sql`
    select 1 from stack_writers w
    where w.stack_id = ${update.stackId} and w.holder = ${update.attemptId ?? update.id} and w.epoch = ${update.epoch}
      and w.expires_at > clock_timestamp()
  `.execute(trx);
  return rows.length > 0;
}
