import { sql } from "kysely";
import type { EventBody } from "../contract/events.ts";
import type { UpdateStatus } from "../contract/updates.ts";
import type { Database } from "../database.ts";

/** One event of an update, numbered from 1 (the CLI counts from 0), with the hole before it. */
export interface StoredEvent {
  sequence: number;
  at: string;
  /** Null: says nothing to people; it is read only because numbers are missing before it. */
  body: EventBody | null;
  /** The first number that is missing before it; its own when none is. */
  missingFrom: number;
  /** How long it has been here, by the database's clock. */
  ageMs: number;
}

/** Events after a number that say something or have a hole before them, in order. */
export async function readUpdateEvents(
  db: Database,
  updateId: string,
  { after, limit }: { after: number; limit: number },
): Promise<StoredEvent[]> {
  const { rows } = await sql<Omit<StoredEvent, "at"> & { at: Date }>`
    select * from (
      select sequence + 1 as sequence, at, body,
        coalesce(lag(sequence) over (order by sequence) + 1, ${after}::integer) + 1 as "missingFrom",
        (extract(epoch from now() - received_at) * 1000)::float8 as "ageMs"
      from update_events where update_id = ${updateId} and sequence >= ${after}::integer
    ) numbered
    where body is not null or "missingFrom" < sequence
    order by sequence limit ${limit}
  `.execute(db);
  return rows.map((row) => ({ ...row, at: row.at.toISOString() }));
}

/** Status of an update; undefined when there is none. */
export async function readUpdateStatus(db: Database, id: string): Promise<UpdateStatus | undefined> {
  const row = await db.selectFrom("updates").select("status").where("id", "=", id).executeTakeFirst();
  return row?.status as UpdateStatus | undefined;
}
