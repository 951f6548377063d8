import { sql } from "kysely";
import type { UpdateKind } from "../contract/updates.ts";
import type { Database } from "../database.ts";
import { refuseUnpromoted } from "./rules.ts";
import { placeOf } from "./store.ts";

/** Throws `not_promoted` for a run of the Pulumi CLI that would bring a stack something that it only takes by promotion. */
export async function refuseUnpromotedRun(db: Database, stackId: string, kind: UpdateKind): Promise<void> {
  if (kind !== "update" && kind !== "import") return;
  const { rows } = await sql<{ name: string }>`select name from stacks where id = ${stackId}`.execute(db);
  refuseUnpromoted(rows[0]?.name ?? "", await placeOf(db, stackId), null);
}
