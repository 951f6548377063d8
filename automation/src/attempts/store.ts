import { sql } from "kysely";
import type { DeploymentOperation } from "../contract/deployments.ts";
import { DeploymentOptions } from "../contract/deployments.ts";
import type { StoredConfig } from "../database/tables.ts";
import type { Database, Transaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";

/** How long a claim lasts without a renewal, by the database's clock. */
export const LEASE_MS = 15_000;

/** The right to write that one attempt holds: every write of it names all three. */
export interface Fence {
  stackId: string;
  attemptId: string;
  epoch: number;
}

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

interface ClaimRow extends Omit<Claim, "options"> {
  options: unknown;
}

/**
 * Takes the right to write for the oldest deployment that can run, or answers null.
 *
 * Which race each clause closes: `skip locked` keeps two workers off one deployment; the conflict clause re-reads the writer's row after waiting for its lock, so
 * that of two workers with two deployments of one stack only one gets a row; a bare update of the CLI whose time is up must first have its journal made into a state, so that its
 * row is left alone until somebody did; the `running` clause leaves a stack alone while an attempt lives, was lost but not yet
 * taken over, or waits for its automatic rollback (which alone may start then); the `earlier` clause keeps each stack's order.
 */
export async function claimNext(
  db: Database,
  worker: { workerId: string; attemptId: string },
): Promise<Claim | null> {
  const { rows } = await sql<ClaimRow>`
    with candidate as (
      select d.id, d.stack_id
      from deployments d
      where d.status = 'queued'
        and not exists (
          select 1 from stack_writers w
          where w.stack_id = d.stack_id and w.holder is not null and (w.expires_at > now() or w.holder_kind = 'update'))
        and not exists (
          select 1 from deployments running
          where running.stack_id = d.stack_id and running.status = 'running' and running.id is distinct from d.caused_by)
        and not exists (
          select 1 from deployments earlier
          where earlier.stack_id = d.stack_id and earlier.status = 'queued'
            and (earlier.cause = 'request', earlier.number) < (d.cause = 'request', d.number))
      order by d.cause = 'request', d.requested_at, d.number
      limit 1
      for update of d skip locked
    ), writer as (
      insert into stack_writers as w (stack_id, holder, holder_kind, epoch, expires_at)
      select stack_id, ${worker.attemptId}, 'attempt', 1, now() + ${LEASE_MS} * interval '1 millisecond' from candidate
      on conflict (stack_id) do update
        set holder = excluded.holder, holder_kind = excluded.holder_kind, epoch = w.epoch + 1, expires_at = excluded.expires_at
        where w.holder is null or (w.holder_kind = 'attempt' and w.expires_at <= now())
      returning stack_id, epoch
    ), attempt as (
      insert into attempts (id, deployment_id, number, worker_id, epoch, status)
      select ${worker.attemptId}, c.id,
        (select coalesce(max(number), 0) + 1 from attempts where deployment_id = c.id),
        ${worker.workerId}, w.epoch, 'claimed'
      from candidate c join writer w using (stack_id)
      returning deployment_id, number, epoch
    ), claimed as (
      update deployments d set status = 'running', started_at = coalesce(d.started_at, now())
      from attempt a where d.id = a.deployment_id
      returning d.*, a.number as attempt, a.epoch as epoch
    )
    select c.id as "deploymentId", c.stack_id as "stackId", ${worker.attemptId}::text as "attemptId", c.epoch, c.attempt,
      p.organisation, p.name as project, s.name as stack, c.number, c.operation, c.options, c.message,
      c.requested_by as "requestedBy", c.cause, c.caused_by as "causedBy", c.target_release as "targetRelease",
      c.source_digest as "sourceDigest", c.lockfile_digest as "lockfileDigest", c.git_commit as "commit",
      c.git_dirty as dirty, c.config, c.config_digest as "configDigest"
    from claimed c join stacks s on s.id = c.stack_id join projects p on p.id = s.project_id
  `.execute(db);
  const row = rows[0];
  return row === undefined ? null : { ...row, options: DeploymentOptions.parse(row.options) };
}

/** Whether any deployment waits; not whether it can be claimed. */
export async function isAnythingQueued(db: Database): Promise<boolean> {
  const { rows } = await sql`select 1 from deployments where status = 'queued' limit 1`.execute(db);
  return rows.length > 0;
}

/**
 * Renews a lease by the database's clock. Answers whether the deployment's cancel was asked for, or null when the lease is lost: then nothing may be written any more.
 */
export async function renewLease(
  db: Database,
  fence: Fence,
  deploymentId: string,
): Promise<{ cancelRequested: boolean } | null> {
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
    )
    update stack_writers set holder = null, holder_kind = null, expires_at = null
    where stack_id = ${fence.stackId} and holder = ${fence.attemptId} and epoch = ${fence.epoch}
  `.execute(trx);
}

/** An attempt whose lease ran out, with what its deployment had come to. */
export interface LostAttempt extends Fence {
  workerId: string;
  deploymentId: string;
  attempt: number;
  organisation: string;
  project: string;
  stack: string;
  operation: DeploymentOperation;
  cause: "request" | "automatic-rollback";
  causedBy: string | null;
  cancelRequested: boolean;
  /** Names of the steps that were started. */
  startedSteps: string[];
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
  return rows[0];
}

/** Records that a worker lives; inserted the first time. */
export async function recordWorker(db: Database, workerId: string, host: string): Promise<void> {
  await sql`
    insert into workers (id, host) values (${workerId}, ${host})
    on conflict (id) do update set seen_at = now()
  `.execute(db);
}
