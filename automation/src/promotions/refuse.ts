import { sql } from "kysely";
import type { UpdateKind } from "../contract/updates.ts";
import type { Database } from "../database.ts";
import { refuseUnpromoted } from "./rules.ts";
import { placeOf } from "./store.ts";

/**
 * Throws `not_promoted` for a state that somebody brings to a stack that takes only promotions: it would describe what was never promoted. A stack's first state is taken: that is how it moves to Slipway, and
 * nothing was promoted to it yet.
 */
export async function refuseUnpromotedState(db: Database, stackId: string): Promise<void> {
  const { rows } = await sql<{ name: string }>`
    select name from stacks s where id = ${stackId} and exists (select from states where stack_id = s.id)`.execute(
    db,
  );
  if (rows[0] !== undefined) refuseUnpromoted(rows[0].name, await placeOf(db, stackId), null);
}

/** Throws `not_promoted` for a run of the Pulumi CLI that would bring a stack something that it only takes by promotion. */
export async function refuseUnpromotedRun(db: Database, stackId: string, kind: UpdateKind): Promise<void> {
  if (kind !== "update" && kind !== "import") return;
  const { rows } = await sql<{ name: string }>`select name from stacks where id = ${stackId}`.execute(db);
  refuseUnpromoted(rows[0]?.name ?? "", await placeOf(db, stackId), null);
}
