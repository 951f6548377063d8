import { sql } from "kysely";
import type { DriftVolatile } from "../contract/drift.ts";
import type { Database, Transaction } from "../database.ts";

interface VolatileRow extends Omit<DriftVolatile, "movedAt" | "learnedAt" | "switchedOffAt" | "name"> {
  movedAt: Date;
  learnedAt: Date;
  switchedOffAt: Date | null;
}

/** Outputs of a stack that were learned to move by themselves, by URN and path. */
export async function listVolatile(db: Database, stackId: string): Promise<DriftVolatile[]> {
  const { rows } = await sql<VolatileRow>`
    select urn, path, moves, moved_at as "movedAt", learned_at as "learnedAt", switched_off_at as "switchedOffAt",
      switched_off_by as "switchedOffBy"
    from drift_volatile where stack_id = ${stackId} and learned_at is not null order by urn, path`.execute(
    db,
  );
  return rows.map((row) => ({
    ...row,
    name: row.urn.split("::").at(-1) ?? row.urn,
    movedAt: row.movedAt.toISOString(),
    learnedAt: row.learnedAt.toISOString(),
    switchedOffAt: row.switchedOffAt?.toISOString() ?? null,
  }));
}

/** Counts a learned output like any other, or leaves it out again; false when the stack has learned no such output. */
export async function switchVolatile(
  trx: Transaction,
  stackId: string,
  { urn, path, off }: { urn: string; path: string; off: boolean },
  principal: string,
): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update drift_volatile set
      switched_off_at = case when ${off} then coalesce(switched_off_at, now()) end,
      switched_off_by = case when ${off} then coalesce(switched_off_by, ${principal}) end
    where stack_id = ${stackId} and urn = ${urn} and path = ${path} and learned_at is not null`.execute(trx);
  return numAffectedRows === 1n;
}
