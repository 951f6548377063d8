import { sql } from "kysely";
import { prepared } from "../database/prepared.ts";
import type { Database } from "../database.ts";
import { UPDATE_CHANNEL } from "./updates-store.ts";

/** One engine event as it is shown. */
export interface NewEngineEvent {
  /** The CLI's, from 0. */
  sequence: number;
  at: string;
  /** JSON text of what is shown; null: nothing. */
  body: string | null;
}

/** Events as the CLI sent them together, sealed. */
export interface EventBatch {
  firstSequence: number;
  lastSequence: number;
  body: Buffer;
}

/** Keeps a batch of events of a bare update and tells whoever watches it. An event that comes again takes the place of the one before. */
export async function putEvents(
  db: Database,
  updateId: string,
  events: readonly NewEngineEvent[],
  batch: EventBatch,
): Promise<void> {
  await sql`${prepared("engine_events")}
    with stored as (
      insert into update_events (update_id, sequence, at, body)
      select ${updateId}, e.sequence, e.at, e.body::jsonb
      from unnest(${events.map(({ sequence }) => sequence)}::integer[], ${events.map(({ at }) => at)}::timestamptz[],
        ${events.map(({ body }) => body)}::text[]) as e(sequence, at, body)
      on conflict (update_id, sequence) do update set at = excluded.at, body = excluded.body
    ), kept as (
      insert into update_event_batches (update_id, first_sequence, last_sequence, body)
      values (${updateId}, ${batch.firstSequence}, ${batch.lastSequence}, ${batch.body})
      on conflict (update_id, first_sequence, last_sequence) do update set body = excluded.body
    )
    select pg_notify(${UPDATE_CHANNEL}, ${updateId})
  `.execute(db);
}

/** Batches of an update that hold events from a number on, by their first event. */
export async function readEventBatches(
  db: Database,
  updateId: string,
  { from, limit }: { from: number; limit: number },
): Promise<EventBatch[]> {
  return db
    .selectFrom("update_event_batches")
    .select(["first_sequence as firstSequence", "last_sequence as lastSequence", "body"])
    .where("update_id", "=", updateId)
    .where("last_sequence", ">=", from)
    .orderBy("first_sequence")
    .orderBy("last_sequence")
    .limit(limit)
    .execute();
}
