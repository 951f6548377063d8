import { sql } from "kysely";
import type { DeploymentOperation, DeploymentOptions } from "../contract/deployments.ts";
import type { StoredConfig } from "../database/tables.ts";
import type { Database, Transaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { KNOWN_VERSIONS } from "../pipeline/operations.ts";
import { LEASE_MS } from "./lease-rules.ts";
import { holdLook, isLook, lockLostLook, renewLook } from "./look-store.ts";
import type { Fence, LostAttempt } from "./rules.ts";

/** A deployment that this worker may now run. */
export interface Claim extends Fence {
  deploymentId: string;
  /** Counts from 1 within the deployment. */
  attempt: number;
  organisation: string;
  project: string;
  stack: string;
  number: number;
  operation: DeploymentOperation;
  /** Of the lists of steps; see pipeline/operations.ts. */
  operationVersion: number;
  options: DeploymentOptions;
  message: string | null;
  requestedBy: string;
  cause: "request" | "automatic-rollback";
  causedBy: string | null;
  targetRelease: number | null;
  sourceDigest: string | null;
  lockfileDigest: string | null;
  commit: string | null;
  dirty: boolean;
  config: StoredConfig;
  configDigest: string;
}

/**
 * Renews a lease by the database's clock. Answers whether the deployment's cancel was asked for, or null when the lease is lost: then nothing may be written any more.
 */
export async function renewLease(
  db: Database,
  fence: Fence,
  deploymentId: string,
): Promise<{ cancelRequested: boolean } | null> {
  if (isLook(fence)) return renewLook(db, fence, deploymentId);
  const { rows } = await sql<{ cancelRequested: boolean }>`
    update stack_writers w set expires_at = now() + ${LEASE_MS} * interval '1 millisecond'
    from deployments d
    where w.stack_id = ${fence.stackId} and w.holder = ${fence.attemptId} and w.epoch = ${fence.epoch}
      and w.expires_at > now() and d.id = ${deploymentId}
    returning d.cancel_requested_at is not null as "cancelRequested"
  `.execute(db);
  return rows[0] ?? null;
}

/** Locks the writer's row for the rest of the transaction. Throws `lease_lost` when the right to write is somebody else's or has expired. */
export async function holdFence(trx: Transaction, fence: Fence): Promise<void> {
  if (isLook(fence)) {
    if (await holdLook(trx, fence)) return;
    throw leaseLost(fence);
  }
  const { rows } = await sql`
    select 1 from stack_writers
    where stack_id = ${fence.stackId} and holder = ${fence.attemptId} and epoch = ${fence.epoch} and expires_at > now()
    for update
  `.execute(trx);
  if (rows.length === 0) throw leaseLost(fence);
}

/** The error of every write that came too late. */
export function leaseLost(fence: Fence): SlipwayError {
  return new SlipwayError("lease_lost", `attempt ${fence.attemptId} no longer holds the right to write`);
}

/** Marks an attempt as at work. Its claim was the last thing that a dead worker may have done. */
export async function startAttempt(trx: Transaction, attemptId: string): Promise<void> {
  await sql`update attempts set status = 'running' where id = ${attemptId} and status = 'claimed'`.execute(
    trx,
  );
}

/** Ends an attempt and frees its stack. The caller holds the fence, and nothing of the attempt runs any more. */
export async function endAttempt(
  trx: Transaction,
  fence: Fence,
  status: "succeeded" | "failed" | "cancelled" | "lost",
): Promise<void> {
  await sql`
    with ended as (
      update attempts set status = ${status}, finished_at = now()
      where id = ${fence.attemptId} and status in ('claimed', 'running')
    ), looked as (
      delete from attempt_looks where attempt_id = ${fence.attemptId}
    )
    update stack_writers set holder = null, holder_kind = null, expires_at = null
    where stack_id = ${fence.stackId} and holder = ${fence.attemptId} and epoch = ${fence.epoch}
  `.execute(trx);
}

/** One attempt whose lease has run out, locked against other workers that look for the same; undefined when there is none. */
export async function lockLostAttempt(trx: Transaction): Promise<LostAttempt | undefined> {
  const { rows } = await sql<LostAttempt>`
    select a.id as "attemptId", a.worker_id as "workerId", a.epoch, a.number as attempt, d.id as "deploymentId", d.stack_id as "stackId",
      p.organisation, p.name as project, s.name as stack, d.operation, d.cause, d.caused_by as "causedBy",
      d.cancel_requested_at is not null as "cancelRequested",
      array(select st.name from deployment_steps st
            where st.deployment_id = d.id and st.started_at is not null) as "startedSteps"
    from stack_writers w
    join attempts a on a.id = w.holder and a.epoch = w.epoch
    join deployments d on d.id = a.deployment_id
    join stacks s on s.id = d.stack_id join projects p on p.id = s.project_id
    where w.expires_at <= now() and a.status in ('claimed', 'running')
    order by w.expires_at
    limit 1
    for update of w, d skip locked
  `.execute(trx);
  return rows[0] ?? lockLostLook(trx);
}

/** Records that a worker lives, and which versions of the operations it can run; inserted the first time. */
export async function recordWorker(db: Database, workerId: string, host: string): Promise<void> {
  await sql`
    insert into workers (id, host, operation_versions) values (${workerId}, ${host}, ${[...KNOWN_VERSIONS]}::integer[])
    on conflict (id) do update set seen_at = now()
  `.execute(db);
}
