import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import type { DeploymentStatus } from "../../automation/src/contract/deployments.ts";
import type { EventBody } from "../../automation/src/contract/events.ts";
import type { Database } from "../../automation/src/database.ts";
import { withTransaction } from "../../automation/src/database.ts";
import { appendEvents } from "../../automation/src/deployments/events-store.ts";
import { decideHealth, insertRelease } from "../../automation/src/releases/store.ts";

/** Does to the records what a worker does when a deployment ends, without running anything. */
export async function endDeployment(db: Database, id: string, status: DeploymentStatus): Promise<void> {
  await withTransaction(db, async (trx) => {
    await sql`update deployments set status = 'running', started_at = coalesce(started_at, now()) where id = ${id}`.execute(
      trx,
    );
    await sql`update deployments set status = ${status}, finished_at = now() where id = ${id}`.execute(trx);
    const body: EventBody = { type: "status", status, detail: null };
    await appendEvents(trx, { deploymentId: id, attempt: 1, fence: null }, [
      { at: new Date().toISOString(), body },
    ]);
  });
}

/** Moves a deployment to running, as a claim does. */
export async function startDeployment(db: Database, id: string): Promise<void> {
  await sql`update deployments set status = 'running', started_at = now() where id = ${id}`.execute(db);
}

/** Appends output lines to a deployment's events. */
export async function appendLines(db: Database, id: string, lines: readonly string[]): Promise<void> {
  const at = new Date().toISOString();
  const events = lines.map((line) => ({
    at,
    body: { type: "output", step: "update", stream: "stdout", line } satisfies EventBody,
  }));
  await appendEvents(db, { deploymentId: id, attempt: 1, fence: null }, events);
}

/** Ends a deployment and records its release with this health; answers its number. */
export async function recordRelease(
  db: Database,
  deploymentId: string,
  health: "good" | "bad" | "pending",
  outputs: Record<string, unknown> = {},
): Promise<number> {
  const row = await db
    .selectFrom("deployments")
    .selectAll()
    .where("id", "=", deploymentId)
    .executeTakeFirstOrThrow();
  const number = await withTransaction(db, async (trx) => {
    const id = randomUUID();
    const made = await insertRelease(trx, {
      id,
      stackId: row.stack_id,
      deploymentId,
      health: "pending",
      rollbackOf: row.target_release,
      sourceDigest: row.source_digest ?? "",
      lockfileDigest: row.lockfile_digest,
      commit: row.git_commit,
      dirty: row.git_dirty,
      config: row.config,
      configDigest: row.config_digest,
      pulumiVersion: "3.250.0",
      plugins: [],
      outputs,
      requestedBy: row.requested_by,
      message: row.message,
      artifacts: [],
    });
    if (health !== "pending") await decideHealth(trx, id, health);
    return made;
  });
  await endDeployment(db, deploymentId, health === "bad" ? "failed" : "succeeded");
  return number;
}
