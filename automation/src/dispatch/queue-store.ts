import { sql } from "kysely";
import { z } from "zod";
import { DeploymentOperation } from "../contract/deployments.ts";
import type { Database } from "../database.ts";
import type { QueueView } from "../deployments/queue-rules.ts";

/** A worker that was not seen for so long is taken for lost. It tells of itself every ten seconds. */
export const WORKER_LOST_SECONDS = 30;
/** So many of a stack's newest runs tell how long one usually takes. */
const RUNS_FOR_USUAL = 20;

const Queued = z.object({
  deploymentId: z.string(),
  stackId: z.string(),
  projectId: z.string(),
  number: z.int(),
  operation: DeploymentOperation,
  cause: z.enum(["request", "automatic-rollback"]),
  causedBy: z.string().nullable(),
  runsAfter: z.string().nullable(),
  operationVersion: z.int(),
  requestedAt: z.number(),
});
const Running = z.object({
  deploymentId: z.string(),
  stackId: z.string(),
  projectId: z.string(),
  operation: DeploymentOperation,
  workerId: z.string().nullable(),
  number: z.int(),
  startedAt: z.number(),
});
const PauseRow = z.object({
  scope: z.enum(["everything", "project", "stack"]),
  projectId: z.string().nullable(),
  stackId: z.string().nullable(),
  reason: z.string(),
  pausedBy: z.string(),
  pausedAt: z.iso.datetime({ offset: true }),
});
const Facts = z.object({
  now: z.number(),
  queued: z.array(Queued),
  running: z.array(Running),
  held: z.array(z.string()),
  pauses: z.array(PauseRow),
  limits: z.array(z.object({ projectId: z.string().nullable(), most: z.int() })),
  workers: z.array(
    z.object({ id: z.string(), concurrency: z.int().nullable(), operationVersions: z.array(z.int()) }),
  ),
});

/** The queue at one instant, by the database's clock. Times are milliseconds since 1970. */
export type QueueFacts = z.infer<typeof Facts>;

/** Reads what decides about the queued deployments of some stacks, or of all, in one snapshot. Workers are those that live and are not about to end. */
export async function readQueue(db: Database, stackIds: readonly string[] | "all"): Promise<QueueFacts> {
  const ofStacks = stackIds === "all" ? sql`true` : sql`d.stack_id = any(${stackIds}::uuid[])`;
  const { rows } = await sql<{ facts: unknown }>`
    with queued as materialized (
      select d.id, d.stack_id, s.project_id, d.number, d.operation, d.cause, d.caused_by, d.runs_after, d.operation_version, d.requested_at
      from deployments d join stacks s on s.id = d.stack_id
      where d.status = 'queued' and ${ofStacks}
    ), running as materialized (
      select d.id, d.stack_id, s.project_id, d.operation, d.number, coalesce(d.started_at, d.requested_at) as started_at, a.worker_id
      from deployments d join stacks s on s.id = d.stack_id
      left join attempts a on a.deployment_id = d.id and a.status in ('claimed', 'running')
      where d.status = 'running' and d.verification is distinct from 'held'
    )
    select jsonb_build_object(
      'now', ${msOf(sql`now()`)},
      'queued', (select coalesce(jsonb_agg(jsonb_build_object('deploymentId', id, 'stackId', stack_id, 'projectId', project_id,
        'number', number, 'operation', operation, 'cause', cause, 'causedBy', caused_by, 'runsAfter', runs_after, 'operationVersion', operation_version,
        'requestedAt', ${msOf(sql`requested_at`)})), '[]') from queued),
      'running', (select coalesce(jsonb_agg(jsonb_build_object('deploymentId', id, 'stackId', stack_id, 'projectId', project_id,
        'operation', operation, 'workerId', worker_id, 'number', number, 'startedAt', ${msOf(sql`started_at`)})), '[]') from running),
      'held', (select coalesce(jsonb_agg(w.stack_id), '[]') from stack_writers w
        where w.holder is not null and (w.expires_at > now() or w.holder_kind = 'update')
          and w.stack_id in (select stack_id from queued)),
      'pauses', (select coalesce(jsonb_agg(jsonb_build_object('scope', scope, 'projectId', project_id, 'stackId', stack_id,
        'reason', reason, 'pausedBy', paused_by, 'pausedAt', paused_at)), '[]') from pauses),
      'limits', (select coalesce(jsonb_agg(jsonb_build_object('projectId', project_id, 'most', most)), '[]') from run_limits),
      'workers', (select coalesce(jsonb_agg(jsonb_build_object('id', id, 'concurrency', concurrency, 'operationVersions', operation_versions)), '[]') from workers
        where stopped_at is null and draining_since is null and seen_at > now() - ${WORKER_LOST_SECONDS} * interval '1 second')
    ) as facts
  `.execute(db);
  return Facts.parse(rows[0]?.facts);
}

/** How long a run of one operation on one stack usually takes. */
export interface UsualRun {
  stackId: string;
  operation: DeploymentOperation;
  /** The median of its newest successful runs. */
  ms: number;
}

/** How long the runs of some stacks usually take, by operation; nothing of those that never succeeded. */
export async function readUsualRuns(db: Database, stackIds: readonly string[]): Promise<UsualRun[]> {
  const { rows } = await sql<UsualRun>`
    select k.stack_id as "stackId", o.operation, u.ms
    from unnest(${stackIds}::uuid[]) as k(stack_id)
    cross join unnest(${DeploymentOperation.options}::text[]) as o(operation)
    cross join lateral (
      select percentile_cont(0.5) within group (order by extract(epoch from newest.finished_at - newest.started_at) * 1000) as ms
      from (select e.finished_at, e.started_at from deployments e
            where e.stack_id = k.stack_id and e.operation = o.operation and e.status = 'succeeded' and e.started_at is not null
            order by e.finished_at desc limit ${RUNS_FOR_USUAL}) newest) u
    where u.ms is not null
  `.execute(db);
  return rows;
}

function msOf(instant: ReturnType<typeof sql>) {
  return sql`(extract(epoch from ${instant}) * 1000)::float8`;
}

/** What the rules of the queue look at. `worker`: most attempts of the one that is asked about. */
export function viewOf(facts: QueueFacts, worker: { limit: number | null }): QueueView {
  const { pauses, limits } = facts;
  return {
    queued: facts.queued,
    running: facts.running,
    busyStacks: new Set(facts.held),
    paused: {
      everything: pauses.some(({ scope }) => scope === "everything"),
      projects: new Set(pauses.flatMap(({ projectId }) => projectId ?? [])),
      stacks: new Set(pauses.flatMap(({ stackId }) => stackId ?? [])),
    },
    limits: {
      instance: limits.find(({ projectId }) => projectId === null)?.most ?? null,
      project: new Map(
        limits.flatMap(({ projectId, most }) => (projectId === null ? [] : [[projectId, most] as const])),
      ),
      worker: worker.limit ?? Number.POSITIVE_INFINITY,
    },
  };
}
