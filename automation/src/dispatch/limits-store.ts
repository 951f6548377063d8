import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import type { RunLimit } from "../contract/queue.ts";
import type { Database, Transaction } from "../database.ts";

interface Row {
  organisation: string | null;
  project: string | null;
  most: number;
  setBy: string;
  setAt: Date;
}

/** Sets the limit of a project, or of the installation when `projectId` is null. The caller holds the lock of claims. What runs beyond it goes on. */
export async function setLimit(
  trx: Transaction,
  projectId: string | null,
  limit: { most: number; principal: string },
): Promise<void> {
  await removeLimit(trx, projectId);
  await sql`
    insert into run_limits (id, project_id, most, set_by) values (${randomUUID()}, ${projectId}, ${limit.most}, ${limit.principal})
  `.execute(trx);
}

/** Removes a limit. Answers what it was; undefined when there was none. */
export async function removeLimit(trx: Transaction, projectId: string | null): Promise<number | undefined> {
  const { rows } = await sql<{ most: number }>`
    delete from run_limits where project_id is not distinct from ${projectId}::uuid returning most`.execute(
    trx,
  );
  return rows[0]?.most;
}

/** Limits that an actor may see, that of the installation first. */
export async function listLimits(db: Database, within: "all" | readonly string[]): Promise<RunLimit[]> {
  const shown = within === "all" ? sql`true` : sql`(l.project_id is null or p.organisation = any(${within}))`;
  const { rows } = await sql<Row>`
    select p.organisation, p.name as project, l.most, l.set_by as "setBy", l.set_at as "setAt"
    from run_limits l left join projects p on p.id = l.project_id
    where ${shown}
    order by l.project_id is not null, p.organisation, p.name
  `.execute(db);
  return rows.map((row) => ({ ...row, setAt: row.setAt.toISOString() }));
}
