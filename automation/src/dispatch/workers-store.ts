import { sql } from "kysely";
import type { Worker } from "../contract/queue.ts";
import type { Database } from "../database.ts";
import { WORKER_LOST_SECONDS } from "./queue-store.ts";

/** A worker that was lost is shown for so long. */
const LOST_SHOWN_HOURS = 1;

interface Row extends Omit<Worker, "startedAt" | "seenAt"> {
  startedAt: Date;
  seenAt: Date;
}

/** Workers that have not ended in good order, the longest running first. */
export async function listWorkers(db: Database): Promise<Worker[]> {
  const { rows } = await sql<Row>`
    select w.id, w.host, w.concurrency, w.started_at as "startedAt", w.seen_at as "seenAt",
      case when w.seen_at <= now() - ${WORKER_LOST_SECONDS} * interval '1 second' then 'lost'
        when w.draining_since is not null then 'draining' else 'running' end as state,
      (select count(*) from attempts a where a.worker_id = w.id and a.status in ('claimed', 'running')) as running
    from workers w
    where w.stopped_at is null and w.seen_at > now() - ${LOST_SHOWN_HOURS} * interval '1 hour'
    order by w.started_at, w.id
  `.execute(db);
  return rows.map((row) => ({
    ...row,
    startedAt: row.startedAt.toISOString(),
    seenAt: row.seenAt.toISOString(),
  }));
}

/** Records how much a worker takes at once, and that it lives. It was recorded before. */
export async function recordConcurrency(db: Database, workerId: string, concurrency: number): Promise<void> {
  await sql`update workers set concurrency = ${concurrency}, seen_at = now() where id = ${workerId}`.execute(
    db,
  );
}

/** Records that a worker ended in good order: nobody need look for it. */
export async function recordStop(db: Database, workerId: string): Promise<void> {
  await sql`update workers set stopped_at = now() where id = ${workerId}`.execute(db);
}
