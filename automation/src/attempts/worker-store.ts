import { sql } from "kysely";
import type { Database } from "../database.ts";

/** Records that a worker claims nothing more; the first time counts. */
export async function markDraining(db: Database, workerId: string): Promise<void> {
  await sql`update workers set draining_since = coalesce(draining_since, now()), seen_at = now() where id = ${workerId}`.execute(
    db,
  );
}
