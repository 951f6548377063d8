import { sql } from "kysely";
import { DeploymentOptions } from "../contract/deployments.ts";
import type { Database } from "../database.ts";
import { KNOWN_VERSIONS } from "../pipeline/operations.ts";
import type { Claim } from "./store.ts";
import { LEASE_MS } from "./store.ts";

interface ClaimRow extends Omit<Claim, "options"> {
  options: unknown;
}

/**
 * Takes the right to write for the oldest deployment that can run, or answers null.
 *
 * Which race each clause closes: `skip locked` keeps two workers off one deployment; the conflict clause re-reads the writer's row after waiting for its lock, so
 * that of two workers with two deployments of one stack only one gets a row; a bare update of the CLI whose time is up must first have its journal made into a state, so that its
 * row is left alone until somebody did; the `running` clause leaves a stack alone while an attempt lives, was lost but not yet
 * taken over, or waits for its automatic rollback (which alone may start then); the `earlier` clause keeps each stack's order,
 * also behind a deployment that this program does not know how to run and leaves to a later one.
 */
export async function claimNext(
  db: Database,
  worker: { workerId: string; attemptId: string },
): Promise<Claim | null> {
  const { rows } = await sql<ClaimRow>`
    with candidate as (
      select d.id, d.stack_id
      from deployments d
      where d.status = 'queued' and d.operation_version = any(${[...KNOWN_VERSIONS]}::integer[])
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
      p.organisation, p.name as project, s.name as stack, c.number, c.operation, c.operation_version as "operationVersion", c.options, c.message,
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
