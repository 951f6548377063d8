import { sql } from "kysely";
import type { Database, Transaction } from "../database.ts";
import { LEASE_MS } from "./lease-rules.ts";
import type { Fence, LostAttempt } from "./rules.ts";

/*
 * Attempts that only look (drift checks). They take no right to write, so that they never block an update and never wait for one that runs beside them; what they
 * have is a lease of their own, by the database's clock, so that one whose worker died is taken over like any other. They are claimed by claim-store's `claimNext` with all others, behind them and under the same pauses and limits.
 */

/** The epoch of a fence that is no right to write. Real ones count from 1. */
export const LOOKING_EPOCH = 0;
export const LOOK_LEASE_MS = LEASE_MS;

/** Whether a fence only keeps an attempt alive. */
export function isLook(fence: Pick<Fence, "epoch">): boolean {
  return fence.epoch === LOOKING_EPOCH;
}

/** Renews the lease of an attempt that looks. Answers whether a cancel was asked for, or null when it is lost. */
export async function renewLook(
  db: Database,
  { attemptId }: Pick<Fence, "attemptId">,
  deploymentId: string,
): Promise<{ cancelRequested: boolean } | null> {
  const { rows } = await sql<{ cancelRequested: boolean }>`
    update attempt_looks l set expires_at = now() + ${LOOK_LEASE_MS} * interval '1 millisecond'
    from deployments d
    where l.attempt_id = ${attemptId} and l.expires_at > now() and d.id = ${deploymentId}
    returning d.cancel_requested_at is not null as "cancelRequested"
  `.execute(db);
  return rows[0] ?? null;
}

/** Locks the lease for the rest of the transaction; false when it is gone or has expired. */
export async function holdLook(trx: Transaction, { attemptId }: Pick<Fence, "attemptId">): Promise<boolean> {
  const { rows } = await sql`
    select 1 from attempt_looks where attempt_id = ${attemptId} and expires_at > now() for update
  `.execute(trx);
  return rows.length > 0;
}

/** What an attempt that looks noted when it began, and whether somebody has written to the stack since then or does now. */
export interface LookedAt {
  /** 0: the stack has no state. */
  stateNumber: number;
  moved: boolean;
}

/** Throws when there is no such attempt: the caller holds its lease. */
export async function lookedAt(trx: Transaction, { attemptId }: Pick<Fence, "attemptId">): Promise<LookedAt> {
  const { rows } = await sql<LookedAt>`
    select l.state_number as "stateNumber",
      (coalesce(w.epoch, 0) <> l.writer_epoch or w.holder is not null
        or coalesce((select max(s.number) from states s where s.stack_id = l.stack_id), 0) <> l.state_number) as moved
    from attempt_looks l left join stack_writers w on w.stack_id = l.stack_id
    where l.attempt_id = ${attemptId}
  `.execute(trx);
  const [row] = rows;
  if (row === undefined) throw new Error(`attempt ${attemptId} does not look at anything`);
  return row;
}

/** `lockLostAttempt` for attempts that only looked. */
export async function lockLostLook(trx: Transaction): Promise<LostAttempt | undefined> {
  const { rows } = await sql<LostAttempt>`
    select a.id as "attemptId", a.worker_id as "workerId", a.epoch, a.number as attempt, d.id as "deploymentId",
      d.stack_id as "stackId", p.organisation, p.name as project, s.name as stack, d.operation, d.cause,
      d.caused_by as "causedBy", d.cancel_requested_at is not null as "cancelRequested",
      array(select st.name from deployment_steps st
            where st.deployment_id = d.id and st.started_at is not null) as "startedSteps"
    from attempt_looks l
    join attempts a on a.id = l.attempt_id
    join deployments d on d.id = a.deployment_id
    join stacks s on s.id = d.stack_id join projects p on p.id = s.project_id
    where l.expires_at <= now() and a.status in ('claimed', 'running')
    order by l.expires_at
    limit 1
    for update of l, d skip locked
  `.execute(trx);
  return rows[0];
}
