import { sql } from "kysely";
import type { Database } from "../database.ts";

/** Records that a worker claims nothing more; the first time counts. */
export async function markDraining(db: Database, workerId: string): Promise<void> {
  await sql`update workers set draining_since = coalesce(draining_since, now()), seen_at = now() where id = ${workerId}`.execute(
    db,
  );
}

/** Of these attempts, the ones that nobody has concluded but a takeover, with their stacks. */
export async function lostAttempts(
  db: Database,
  attemptIds: readonly string[],
): Promise<{ attemptId: string; stackId: string }[]> {
  if (attemptIds.length === 0) return [];
  return db
    .selectFrom("attempts as a")
    .innerJoin("deployments as d", "d.id", "a.deployment_id")
    .select(["a.id as attemptId", "d.stack_id as stackId"])
    .where("a.id", "in", [...attemptIds])
    .where("a.status", "=", "lost")
    .execute();
}

/** Records which keeper a worker reaches; null: none. */
export async function recordKeeper(db: Database, workerId: string, keeper: string | null): Promise<void> {
  await db.updateTable("workers").set({ keeper }).where("id", "=", workerId).execute();
}

/**
 * Binds a stack of the local target to the keeper that is about to run what it deploys. Answers false when it is bound to another one, whose processes this machine cannot reach.
 */
export async function bindKeeper(db: Database, stackId: string, keeper: string): Promise<boolean> {
  const row = await db
    .updateTable("stacks")
    .set({ keeper })
    .where("id", "=", stackId)
    .where((eb) => eb.or([eb("keeper", "is", null), eb("keeper", "=", keeper)]))
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}

/** Lets a stack be deployed by any keeper: nothing of it runs any more. */
export async function releaseKeeper(db: Database, stackId: string): Promise<void> {
  await db.updateTable("stacks").set({ keeper: null }).where("id", "=", stackId).execute();
}
