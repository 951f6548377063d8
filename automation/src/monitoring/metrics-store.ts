import { sql } from "kysely";
import { DeploymentStatus } from "../contract/deployments.ts";
import type { Database } from "../database.ts";
import { WORKER_LOST_SECONDS } from "../dispatch/queue-store.ts";

/** What is told of all runs at one moment, by the database's clock. */
export interface RunMetrics {
  deployments: { status: DeploymentStatus; count: number }[];
  /** Of the oldest queued deployment; 0 when none is queued. */
  queueAgeSeconds: number;
  /** What the lease with the least time left has left; null: no attempt lives. */
  leaseMarginSeconds: number | null;
  /** Attempts that were lost and taken over, of all time. */
  takeovers: number;
  workers: { state: "running" | "draining" | "lost"; count: number }[];
  pauses: number;
  openAlarms: number;
  /** Of all time. */
  alarms: number;
  unreviewedEmergencies: number;
  deliveries: { status: string; count: number }[];
  /** Durations of steps that ended in the last hour. */
  steps: { operation: string; step: string; count: number; median: number; p95: number }[];
}

/** Reads them; a few index scans each. */
export async function readRunMetrics(db: Database): Promise<RunMetrics> {
  const [runs, rest, workers, deliveries, steps] = await Promise.all([
    sql<{ status: string; count: number; age: number }>`
      select status, count(*) as count, coalesce(extract(epoch from now() - min(requested_at)), 0)::float8 as age
      from deployments group by status`.execute(db),
    sql<{
      margin: number | null;
      takeovers: number;
      pauses: number;
      open: number;
      alarms: number;
      emergencies: number;
    }>`
      select
        (select min(extract(epoch from w.expires_at - now()))::float8 from stack_writers w where w.holder_kind = 'attempt') as margin,
        (select count(*) from attempts where status = 'lost') as takeovers,
        (select count(*) from pauses) as pauses,
        (select count(*) from alarms where acknowledged_at is null) as open,
        (select count(*) from alarms) as alarms,
        (select count(*) from emergencies where reviewed_at is null) as emergencies`.execute(db),
    sql<RunMetrics["workers"][number]>`
      select case when seen_at < now() - ${WORKER_LOST_SECONDS} * interval '1 second' then 'lost'
        when draining_since is not null then 'draining' else 'running' end as state, count(*) as count
      from workers where stopped_at is null and seen_at > now() - interval '1 hour' group by 1`.execute(db),
    sql<RunMetrics["deliveries"][number]>`
      select status, count(*) as count from notification_deliveries group by status`.execute(db),
    sql<RunMetrics["steps"][number]>`
      select d.operation, s.name as step, count(*) as count,
        percentile_cont(0.5) within group (order by extract(epoch from s.finished_at - s.started_at))::float8 as median,
        percentile_cont(0.95) within group (order by extract(epoch from s.finished_at - s.started_at))::float8 as p95
      from deployment_steps s join deployments d on d.id = s.deployment_id
      where s.finished_at > now() - interval '1 hour' and s.started_at is not null and s.state = 'succeeded'
      group by d.operation, s.name`.execute(db),
  ]);
  const [one] = rest.rows;
  return {
    deployments: DeploymentStatus.options.map((status) => ({
      status,
      count: runs.rows.find((row) => row.status === status)?.count ?? 0,
    })),
    queueAgeSeconds: runs.rows.find((row) => row.status === "queued")?.age ?? 0,
    leaseMarginSeconds: one?.margin ?? null,
    takeovers: one?.takeovers ?? 0,
    workers: workers.rows,
    pauses: one?.pauses ?? 0,
    openAlarms: one?.open ?? 0,
    alarms: one?.alarms ?? 0,
    unreviewedEmergencies: one?.emergencies ?? 0,
    deliveries: deliveries.rows,
    steps: steps.rows,
  };
}

/** Whether the queue moves: how many could be claimed, and for how long nothing was. Of no stack in particular. */
export interface QueueProgress {
  queued: number;
  running: number;
  workers: number;
  pausedEverything: boolean;
}

export async function readQueueProgress(db: Database): Promise<QueueProgress> {
  const { rows } = await sql<QueueProgress>`
    select (select count(*) from deployments where status = 'queued') as queued,
      (select count(*) from deployments where status = 'running') as running,
      (select count(*) from workers where stopped_at is null and draining_since is null
        and seen_at > now() - ${WORKER_LOST_SECONDS} * interval '1 second') as workers,
      exists (select 1 from pauses where scope = 'everything') as "pausedEverything"
  `.execute(db);
  return rows[0] ?? { queued: 0, running: 0, workers: 0, pausedEverything: false };
}
