import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { recordWorker } from "../../automation/src/attempts/store.ts";
import type { DeploymentOperation } from "../../automation/src/contract/deployments.ts";
import type { Database } from "../../automation/src/database.ts";

/** Rows of the queue, put in by hand: states that would take real runs minutes to reach. */

export async function makeProject(db: Database): Promise<string> {
  const id = randomUUID();
  await sql`insert into projects (id, organisation, name, folder) values (${id}, 'default', ${id}, '/p')`.execute(
    db,
  );
  return id;
}

export async function makeStack(db: Database, projectId: string): Promise<string> {
  const id = randomUUID();
  await sql`insert into stacks (id, project_id, name) values (${id}, ${projectId}, ${id})`.execute(db);
  return id;
}

export async function makeWorker(db: Database, concurrency: number | null = null): Promise<string> {
  const id = randomUUID();
  await recordWorker(db, id, "test");
  await sql`update workers set concurrency = ${concurrency} where id = ${id}`.execute(db);
  return id;
}

export interface DeploymentRow {
  stackId: string;
  number: number;
  operation?: DeploymentOperation;
  cause?: "request" | "automatic-rollback";
  causedBy?: string | null;
  status?: "queued" | "running";
  /** Seconds before now. */
  requestedAgo?: number;
}

export async function putDeployment(db: Database, row: DeploymentRow): Promise<string> {
  const id = randomUUID();
  const status = row.status ?? "queued";
  await sql`
    insert into deployments (id, stack_id, number, operation, status, cause, caused_by, requested_by, config_digest, requested_at, started_at)
    values (${id}, ${row.stackId}, ${row.number}, ${row.operation ?? "update"}, ${status}, ${row.cause ?? "request"},
      ${row.causedBy ?? null}, 'owner', 'x', date_trunc('milliseconds', now()) - ${row.requestedAgo ?? 0} * interval '1 second',
      case when ${status}::text = 'running' then now() end)
  `.execute(db);
  return id;
}

/** An attempt that lives by its row, with the right to write for `leaseSeconds` more (negative: it ran out). */
export async function putAttempt(
  db: Database,
  row: { deploymentId: string; stackId: string; workerId: string; leaseSeconds: number },
): Promise<string> {
  const id = randomUUID();
  await sql`
    insert into attempts (id, deployment_id, number, worker_id, epoch, status)
    values (${id}, ${row.deploymentId}, 1, ${row.workerId}, 1, 'running')`.execute(db);
  await putWriter(db, { stackId: row.stackId, holder: id, kind: "attempt", leaseSeconds: row.leaseSeconds });
  return id;
}

export async function putWriter(
  db: Database,
  row: { stackId: string; holder: string; kind: "attempt" | "update"; leaseSeconds: number },
): Promise<void> {
  await sql`
    insert into stack_writers (stack_id, holder, holder_kind, epoch, expires_at)
    values (${row.stackId}, ${row.holder}, ${row.kind}, 1, now() + ${row.leaseSeconds} * interval '1 second')`.execute(
    db,
  );
}

/** What a transaction of a test throws to leave nothing behind. */
export class Undo extends Error {}

/** Runs `work` in a transaction that is rolled back. */
export async function undone(db: Database, work: (trx: Database) => Promise<void>): Promise<void> {
  await db
    .transaction()
    .execute(async (trx) => {
      await work(trx);
      throw new Undo();
    })
    .catch((error: unknown) => {
      if (!(error instanceof Undo)) throw error;
    });
}
