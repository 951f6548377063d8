import { sql } from "kysely";
import type { Database } from "../database.ts";

/** Whatever has neither an owner nor a timer for so long is stuck: a lease (15 s) and the sweep that takes it over (1 s), with room for a loaded machine. */
export const STUCK_AFTER_SECONDS = 20;
/** A bare update of the CLI is ended by whichever server reaps first. */
const UPDATE_GRACE_SECONDS = 60;

/** A row that nobody owns and no timer will move. There must never be one. */
export interface StuckRun {
  kind:
    | "deployment-without-owner"
    | "deployment-unclaimed"
    | "attempt-without-lease"
    | "attempt-of-ended-deployment"
    | "update-without-lease";
  /** Of the deployment, the attempt or the update. */
  id: string;
  stackId: string;
  since: string;
}

/**
 * Rows that have not ended and that nobody will end. Every one of them must have a live owner or a timer that is due soon:
 * a running deployment has an attempt with a live lease, or an automatic rollback that has not ended, or is held for a person; an attempt has the
 * right to write or a lease to look; a waiting deployment that could be claimed is claimed while a worker has room; an update of the CLI has a live lease.
 */
export async function stuckRuns(db: Database): Promise<StuckRun[]> {
  const { rows } = await sql<Omit<StuckRun, "since"> & { since: Date }>`
    with late as (select now() - ${STUCK_AFTER_SECONDS} * interval '1 second' as at),
    leased as materialized (
      select w.holder as attempt_id from stack_writers w, late
      where w.holder_kind = 'attempt' and w.expires_at > late.at
      union all
      select l.attempt_id from attempt_looks l, late where l.expires_at > late.at
    ), live as materialized (
      select a.id, a.deployment_id, a.worker_id, a.claimed_at from attempts a where a.status in ('claimed', 'running')
    )
    select 'deployment-without-owner' as kind, d.id, d.stack_id as "stackId", coalesce(d.started_at, d.requested_at) as since
    from deployments d, late
    where d.status = 'running' and coalesce(d.started_at, d.requested_at) < late.at
      and not exists (select 1 from live where live.deployment_id = d.id)
      and not exists (
        select 1 from deployments back where back.id = d.rolled_back_by
          and (back.finished_at is null or back.finished_at > late.at))
      -- A person has time to decide, and the sweep ends it after that.
      and not exists (select 1 from deployment_holds h where h.deployment_id = d.id and h.decision is null and h.expires_at > late.at)
      -- Its last attempt has ended this moment, and its own end follows.
      and not exists (select 1 from attempts a where a.deployment_id = d.id and a.finished_at > late.at)
    union all
    select 'attempt-without-lease', live.id, d.stack_id, live.claimed_at
    from live join deployments d on d.id = live.deployment_id, late
    where d.status = 'running' and live.claimed_at < late.at and not exists (select 1 from leased where leased.attempt_id = live.id)
    union all
    select 'attempt-of-ended-deployment', live.id, d.stack_id, live.claimed_at
    from live join deployments d on d.id = live.deployment_id, late
    where d.status <> 'running' and live.claimed_at < late.at
    union all
    select 'update-without-lease', u.id, u.stack_id, u.token_expires_at
    from updates u
    where u.status = 'running' and u.attempt_id is null and not u.dry_run
      and u.token_expires_at < now() - ${UPDATE_GRACE_SECONDS} * interval '1 second'
    union all
    select 'deployment-unclaimed', d.id, d.stack_id, d.requested_at
    from deployments d join stacks s on s.id = d.stack_id, late
    where d.status = 'queued' and d.requested_at < late.at
      -- Somebody has had room all the while, and nothing has moved that could have let it in just now.
      and exists (
        select 1 from workers w
        where w.stopped_at is null and w.draining_since is null and w.started_at < late.at and w.seen_at > late.at
          and d.operation_version = any(w.operation_versions)
          and w.concurrency > (select count(*) from live where live.worker_id = w.id))
      and not exists (select 1 from attempts a, late where a.finished_at > late.at)
      and not exists (
        select 1 from audit_entries e, late where e.at > late.at
          and (e.action like '%.resumed' or e.action like 'limit.%' or e.action like 'deployment.%' or e.action like 'update.%'))
      and not exists (select 1 from pauses p where p.scope = 'everything' or p.project_id = s.project_id or p.stack_id = s.id)
      and not exists (select 1 from stack_writers w where w.stack_id = d.stack_id and w.holder is not null)
      and not exists (
        select 1 from deployments other where other.stack_id = d.stack_id and other.status = 'running' and other.id is distinct from d.caused_by
          and other.verification is distinct from 'held')
      and not exists (
        select 1 from deployments earlier where earlier.stack_id = d.stack_id and earlier.status = 'queued'
          and (earlier.queue_rank, earlier.number) < (d.queue_rank, d.number))
      and coalesce((select most from run_limits where project_id is null) > (select count(*) from live), true)
      and coalesce((select l.most from run_limits l where l.project_id = s.project_id) > (
        select count(*) from live join deployments r on r.id = live.deployment_id join stacks t on t.id = r.stack_id
        where t.project_id = s.project_id), true)
    order by since
  `.execute(db);
  return rows.map((row) => ({ ...row, since: row.since.toISOString() }));
}
