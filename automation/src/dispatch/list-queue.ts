import { sql } from "kysely";
import type { Queue } from "../contract/queue.ts";
import type { Database } from "../database.ts";
import { listSummaries } from "../deployments/store.ts";

/** So many running ones are shown; no installation runs more at once that a person could read. */
const MOST_RUNNING = 500;

/** What runs and what waits of some organisations, each in its order. */
export async function listQueue(
  db: Database,
  within: "all" | readonly string[],
  limit: number,
): Promise<Queue> {
  const shown = within === "all" ? sql`true` : sql`p.organisation = any(${within})`;
  const { rows } = await sql<{ running: string[]; queued: string[] }>`
    select array(
      select d.id::text from deployments d join stacks s on s.id = d.stack_id join projects p on p.id = s.project_id
      where d.status = 'running' and ${shown} order by d.started_at, d.id limit ${MOST_RUNNING}) as running,
    array(
      select d.id::text from deployments d join stacks s on s.id = d.stack_id join projects p on p.id = s.project_id
      where d.status = 'queued' and ${shown} order by d.queue_rank, d.requested_at, d.id limit ${limit + 1}) as queued
  `.execute(db);
  const { running = [], queued = [] } = rows[0] ?? {};
  const ids = [...running, ...queued.slice(0, limit)];
  const byId = new Map(
    (ids.length === 0 ? [] : await listSummaries(db, ids)).map((deployment) => [deployment.id, deployment]),
  );
  // Read a moment later than the order: what has moved on meanwhile is left out.
  const of = (list: readonly string[], status: string) =>
    list.flatMap((id) => {
      const deployment = byId.get(id);
      return deployment?.status === status ? [deployment] : [];
    });
  return {
    running: of(running, "running"),
    waiting: of(queued.slice(0, limit), "queued"),
    more: queued.length > limit,
  };
}
