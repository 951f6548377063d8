import { sql } from "kysely";
import type { Database } from "../../database.ts";

/**
 * Number of the state that an update left, or that was there when it left none; `number` null: none yet. Undefined when the stack has no update with this
 * number.
 */
export async function stateNumberOfUpdate(
  db: Database,
  stackId: string,
  version: number,
): Promise<{ number: number | null } | undefined> {
  const { rows } = await sql<{ number: number | null }>`
    select coalesce(left_by.number, base.number) as number
    from updates u
    left join states left_by on left_by.id = u.state_id
    left join states base on base.id = u.base_state
    where u.stack_id = ${stackId} and u.number = ${version}
  `.execute(db);
  return rows[0];
}

/** Whether somebody runs an update or a preview of a stack, whose engine reads the state. */
export async function hasRunningUpdate(db: Database, stackId: string, principal: string): Promise<boolean> {
  const row = await db
    .selectFrom("updates")
    .select("id")
    .where("stack_id", "=", stackId)
    .where("principal", "=", principal)
    .where("status", "=", "running")
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}
