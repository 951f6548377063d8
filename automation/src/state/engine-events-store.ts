import { sql } from "kysely";
import type { Database } from "../database.ts";
import { UPDATE_CHANNEL } from "./updates-store.ts";

/** One engine event as it is kept. */
export interface NewEngineEvent {
  /** The CLI's, from 0. */
  sequence: number;
  at: string;
  /** JSON text of what is shown; null: nothing. */
  body: string | null;
  raw: Buffer;
}

/** Keeps events of a bare update and tells whoever watches it. An event that comes again takes the place of the one before. */
export async function putEvents(
  db: Database,
  updateId: string,
  events: readonly NewEngineEvent[],
): Promise<void> {
  await sql`
    with stored as (
      insert into update_events (update_id, sequence, at, body, raw)
      select ${updateId}, e.sequence, e.at, e.body::jsonb, e.raw
      from unnest(${events.map(({ sequence }) => sequence)}::integer[], ${events.map(({ at }) => at)}::timestamptz[],
        ${events.map(({ body }) => body)}::text[], ${events.map(({ raw }) => raw)}::bytea[]) as e(sequence, at, body, raw)
      on conflict (update_id, sequence) do update set at = excluded.at, body = excluded.body, raw = excluded.raw
    )
    select pg_notify(${UPDATE_CHANNEL}, ${updateId})
  `.execute(db);
}

/** Events of an update as the CLI sent them, sealed, from a number on, in order. */
export async function readRawEvents(
  db: Database,
  updateId: string,
  { from, limit }: { from: number; limit: number },
): Promise<{ sequence: number; raw: Buffer }[]> {
  return db
    .selectFrom("update_events")
    .select(["sequence", "raw"])
    .where("update_id", "=", updateId)
    .where("sequence", ">=", from)
    .orderBy("sequence")
    .limit(limit)
    .execute();
}
