import type { Selectable } from "kysely";
import { sql } from "kysely";
import type { Destination, NotificationKind } from "../contract/notifications.ts";
import type { Tables } from "../database/tables.ts";
import type { Database, Transaction } from "../database.ts";

/** A destination as its row has it. */
export interface StoredDestination extends Destination {
  sealed: Buffer;
}

const COLUMNS = [
  "id",
  "organisation",
  "name",
  "type",
  "sealed",
  "shown",
  "kinds",
  "stacks",
  "min_severity",
  "installation",
  "paused_at",
  "paused_by",
  "paused_reason",
  "dead_in_a_row",
  "last_delivered_at",
  "created_at",
  "created_by",
] as const;

/** Destinations of an organisation that were not removed, by name. */
export async function listDestinations(db: Database, organisation: string): Promise<StoredDestination[]> {
  const rows = await db
    .selectFrom("notification_destinations")
    .select(COLUMNS)
    .where("organisation", "=", organisation)
    .where("removed_at", "is", null)
    .orderBy("name")
    .execute();
  return rows.map(toDestination);
}

/** One destination; with `lock` until the end of the transaction. */
export async function findDestination(
  db: Database,
  path: { organisation: string; destination: string },
  { lock = false } = {},
): Promise<StoredDestination | undefined> {
  const row = await db
    .selectFrom("notification_destinations")
    .select(COLUMNS)
    .where("organisation", "=", path.organisation)
    .where("name", "=", path.destination)
    .where("removed_at", "is", null)
    .$if(lock, (query) => query.forUpdate())
    .executeTakeFirst();
  return row === undefined ? undefined : toDestination(row);
}

export interface NewDestinationRow {
  id: string;
  organisation: string;
  name: string;
  type: "webhook" | "email";
  sealed: Buffer;
  shown: string;
  kinds: readonly NotificationKind[] | null;
  stacks: readonly string[] | null;
  minSeverity: Destination["minSeverity"];
  installation: boolean;
  createdBy: string;
}

/** Adds a destination; undefined when its organisation has one of that name. */
export async function insertDestination(
  trx: Transaction,
  one: NewDestinationRow,
): Promise<StoredDestination | undefined> {
  const row = await trx
    .insertInto("notification_destinations")
    .values({
      id: one.id,
      organisation: one.organisation,
      name: one.name,
      type: one.type,
      sealed: one.sealed,
      shown: one.shown,
      kinds: one.kinds === null ? null : [...one.kinds],
      stacks: one.stacks === null ? null : [...one.stacks],
      min_severity: one.minSeverity,
      installation: one.installation,
      created_by: one.createdBy,
    })
    .onConflict((conflict) =>
      conflict.columns(["organisation", "name"]).where("removed_at", "is", null).doNothing(),
    )
    .returning(COLUMNS)
    .executeTakeFirst();
  return row === undefined ? undefined : toDestination(row);
}

/** Changes what is given and leaves the rest. */
export async function updateDestination(
  trx: Transaction,
  id: string,
  change: Partial<
    Pick<NewDestinationRow, "sealed" | "shown" | "kinds" | "stacks" | "minSeverity" | "installation">
  >,
): Promise<void> {
  const values = {
    ...(change.sealed === undefined ? {} : { sealed: change.sealed }),
    ...(change.shown === undefined ? {} : { shown: change.shown }),
    ...(change.kinds === undefined ? {} : { kinds: change.kinds === null ? null : [...change.kinds] }),
    ...(change.stacks === undefined ? {} : { stacks: change.stacks === null ? null : [...change.stacks] }),
    ...(change.minSeverity === undefined ? {} : { min_severity: change.minSeverity }),
    ...(change.installation === undefined ? {} : { installation: change.installation }),
  };
  if (Object.keys(values).length === 0) return;
  await trx.updateTable("notification_destinations").set(values).where("id", "=", id).execute();
}

/** Sends nothing more to a destination. */
export async function pauseDestination(
  trx: Transaction,
  id: string,
  { by, reason }: { by: string; reason: string | null },
): Promise<void> {
  await sql`
    update notification_destinations set paused_at = now(), paused_by = ${by}, paused_reason = ${reason}
    where id = ${id} and paused_at is null`.execute(trx);
}

/** Sends to it again; its count of what was given up starts anew. */
export async function resumeDestination(trx: Transaction, id: string): Promise<void> {
  await sql`
    update notification_destinations set paused_at = null, paused_by = null, paused_reason = null, dead_in_a_row = 0
    where id = ${id}`.execute(trx);
}

/** Forgets a destination's address and secret; its deliveries stay for the record. Its name is free again. */
export async function removeDestination(trx: Transaction, id: string): Promise<void> {
  await sql`
    update notification_destinations set removed_at = now(), sealed = null where id = ${id}`.execute(trx);
}

/** The database's clock. */
export async function readNow(db: Database): Promise<Date> {
  const { rows } = await sql<{ now: Date }>`select clock_timestamp() as now`.execute(db);
  return rows[0]?.now ?? new Date(0);
}

type Row = Pick<Selectable<Tables["notification_destinations"]>, (typeof COLUMNS)[number]>;

function toDestination(row: Row): StoredDestination {
  if (row.sealed === null) throw new Error("a destination that was not removed has no address");
  return {
    id: row.id,
    organisation: row.organisation,
    name: row.name,
    type: row.type,
    sealed: row.sealed,
    address: row.shown,
    kinds: row.kinds as NotificationKind[] | null,
    stacks: row.stacks,
    minSeverity: row.min_severity,
    installation: row.installation,
    pausedAt: row.paused_at?.toISOString() ?? null,
    pausedBy: row.paused_by,
    pausedReason: row.paused_reason,
    deadInARow: row.dead_in_a_row,
    lastDeliveredAt: row.last_delivered_at?.toISOString() ?? null,
    createdAt: row.created_at.toISOString(),
    createdBy: row.created_by,
  };
}
