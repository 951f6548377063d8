import type { RawBuilder } from "kysely";
import { sql } from "kysely";
import { DeploymentOptions } from "../contract/deployments.ts";
import type { Database, Transaction } from "../database.ts";
import { withTransaction } from "../database.ts";
import { KNOWN_VERSIONS } from "../pipeline/operations.ts";
import { LEASE_MS } from "./lease-rules.ts";
import { LOOK_LEASE_MS, LOOKING_EPOCH } from "./look-store.ts";
import type { Claim } from "./store.ts";

interface ClaimRow extends Omit<Claim, "options"> {
  options: unknown;
}

/** Any number of ours. Whoever claims, pauses or sets a limit holds it until the end of the transaction. */
const CLAIM_LOCK = 7_420_000_010;
/** A process that is frozen between two statements of a claim must not keep all others from claiming. */
const LONGEST_IDLE_MS = 3_000;

/**
 * One claim at a time, and none while a pause or a limit is written: what each counts is then still true when it commits. A claim takes
 * some milliseconds, a deployment seconds.
 */
export async function lockClaims(trx: Transaction): Promise<void> {
  await sql`
    select set_config('idle_in_transaction_session_timeout', ${String(LONGEST_IDLE_MS)}, true), pg_advisory_xact_lock(${CLAIM_LOCK}::bigint)
  `.execute(trx);
}

/**
 * Takes the right to write for the deployment that goes first of those that can run, or answers null. deployments/queue-rules.ts decides the same without a database.
 *
 * What each clause is for: one claim at a time keeps limits exact and each stack's order; `skip locked` passes by what is just being cancelled; the conflict clause re-reads the
 * writer's row after waiting for its lock; a bare update of the CLI whose time is up must first have its journal made into a state, so that its
 * row is left alone until somebody did; the `running` clause leaves a stack alone while an attempt lives, was lost but not yet
 * taken over, or waits for its automatic rollback (which alone may start then), but not while it is held for a person; the `earlier` clause keeps each stack's order,
 * also behind a deployment that this program does not know how to run and leaves to a later one; an automatic rollback starts although all is paused, since it finishes
 * what ran; what the local target has deployed can only be reached by workers of its keeper's machine. What only looks for drift takes no right to write and holds nobody up.
 * The audit entry is part of the statement, because a second round trip would be made under the lock that all claims wait for.
 */
export async function claimNext(
  db: Database,
  worker: { workerId: string; attemptId: string },
): Promise<Claim | null> {
  return withTransaction(db, async (trx) => {
    await lockClaims(trx);
    const { rows } = await claimStatement(worker).execute(trx);
    const row = rows[0];
    return row === undefined ? null : { ...row, options: DeploymentOptions.parse(row.options) };
  });
}

/** The claim itself; apart, so that a test can look at its plan. */
export function claimStatement(worker: { workerId: string; attemptId: string }): RawBuilder<ClaimRow> {
  return sql<ClaimRow>`
    with live as materialized (
      select s.project_id, count(*) as running
      from attempts a join deployments d on d.id = a.deployment_id join stacks s on s.id = d.stack_id
      where a.status in ('claimed', 'running')
      group by s.project_id
    ), room as materialized (
      select coalesce((select sum(running) from live) < (select most from run_limits where project_id is null), true)
        and coalesce((select count(*) from attempts where worker_id = ${worker.workerId} and status in ('claimed', 'running'))
          < (select concurrency from workers where id = ${worker.workerId}), true) as is_left
    ), candidate as (
      select d.id, d.stack_id, d.operation = 'detect-drift' as looks
      from deployments d join stacks s on s.id = d.stack_id
      where d.status = 'queued' and d.operation_version = any(${[...KNOWN_VERSIONS]}::integer[])
        and (select is_left from room)
        and not exists (
          select 1 from live join run_limits l on l.project_id = live.project_id
          where live.project_id = s.project_id and live.running >= l.most offset 0)
        and (d.cause = 'automatic-rollback' or (
          not (select exists (select 1 from pauses where scope = 'everything'))
          and not exists (select 1 from pauses p where p.project_id = s.project_id offset 0)
          and not exists (select 1 from pauses p where p.stack_id = d.stack_id offset 0)))
        and not exists (
          select 1 from stack_writers w
          where w.stack_id = d.stack_id and w.holder is not null and (w.expires_at > now() or w.holder_kind = 'update') offset 0)
        and not exists (
          select 1 from deployments running
          where running.stack_id = d.stack_id and running.status = 'running' and running.id is distinct from d.caused_by
            and running.verification is distinct from 'held'
            and (running.operation <> 'detect-drift' or d.operation = 'detect-drift') offset 0)
        and not exists (
          select 1 from deployments earlier
          where earlier.stack_id = d.stack_id and earlier.status = 'queued'
            and (earlier.queue_rank, earlier.number) < (d.queue_rank, d.number) offset 0)
        and (d.config->'slipway:target'->>'value' is distinct from 'local' or exists (
          select 1 from workers w where w.id = ${worker.workerId} and w.keeper is not null and w.keeper = coalesce(s.keeper, w.keeper)))
      order by d.queue_rank, d.requested_at, d.id
      limit 1
      for update of d skip locked
    ), writer as (
      insert into stack_writers as w (stack_id, holder, holder_kind, epoch, expires_at)
      select stack_id, ${worker.attemptId}, 'attempt', 1, now() + ${LEASE_MS} * interval '1 millisecond' from candidate where not looks
      on conflict (stack_id) do update
        set holder = excluded.holder, holder_kind = excluded.holder_kind, epoch = w.epoch + 1, expires_at = excluded.expires_at
        where w.holder is null or (w.holder_kind = 'attempt' and w.expires_at <= now())
      returning stack_id, epoch
    ), held as (
      select stack_id, epoch from writer
      union all
      select stack_id, ${LOOKING_EPOCH} from candidate where looks
    ), attempt as (
      insert into attempts (id, deployment_id, number, worker_id, epoch, status)
      select ${worker.attemptId}, c.id,
        (select coalesce(max(number), 0) + 1 from attempts where deployment_id = c.id),
        ${worker.workerId}, h.epoch, 'claimed'
      from candidate c join held h using (stack_id)
      returning deployment_id, number, epoch
    ), look as (
      insert into attempt_looks (attempt_id, stack_id, expires_at, writer_epoch, state_number)
      select ${worker.attemptId}, c.stack_id, now() + ${LOOK_LEASE_MS} * interval '1 millisecond',
        coalesce((select epoch from stack_writers w where w.stack_id = c.stack_id), 0),
        coalesce((select max(number) from states s where s.stack_id = c.stack_id), 0)
      from candidate c where looks
    ), claimed as (
      update deployments d set status = 'running', started_at = coalesce(d.started_at, now())
      from attempt a where d.id = a.deployment_id
      returning d.*, a.number as attempt, a.epoch as epoch
    ), audited as (
      insert into audit_entries (principal, action, organisation, subject, details)
      select ${`worker:${worker.workerId}`}, 'deployment.claimed', p.organisation, concat_ws('/', p.organisation, p.name, s.name),
        jsonb_build_object('deployment', c.id, 'attempt', c.attempt, 'attemptId', ${worker.attemptId}::text)
      from claimed c join stacks s on s.id = c.stack_id join projects p on p.id = s.project_id
    )
    select c.id as "deploymentId", c.stack_id as "stackId", ${worker.attemptId}::text as "attemptId", c.epoch, c.attempt,
      p.organisation, p.name as project, s.name as stack, c.number, c.operation, c.operation_version as "operationVersion", c.options, c.message,
      c.requested_by as "requestedBy", c.cause, c.caused_by as "causedBy", c.target_release as "targetRelease",
      c.source_digest as "sourceDigest", c.lockfile_digest as "lockfileDigest", c.git_commit as "commit",
      c.git_dirty as dirty, c.config, c.config_digest as "configDigest"
    from claimed c join stacks s on s.id = c.stack_id join projects p on p.id = s.project_id
  `;
}

/** Whether any deployment waits; not whether it can be claimed. */
export async function isAnythingQueued(db: Database): Promise<boolean> {
  const { rows } = await sql`select 1 from deployments where status = 'queued' limit 1`.execute(db);
  return rows.length > 0;
}
