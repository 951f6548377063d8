import type { RawBuilder } from "kysely";
import { sql } from "kysely";
import { z } from "zod";

/** Place of an item in a list ordered by an instant and an id: the instant in microseconds as text, since a Date would round it. */
export const InstantPlace = z.tuple([z.string().regex(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/), z.uuid()]);
export type InstantPlace = z.infer<typeof InstantPlace>;

/** A column as the instant of a place. */
export function placeInstant(column: string): RawBuilder<string> {
  return sql<string>`to_char(${sql.ref(column)} at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')`;
}

/** True for rows that come after a place in a list of newest first. */
export function isAfter(instant: string, id: string, place: InstantPlace): RawBuilder<boolean> {
  return sql<boolean>`(${sql.ref(instant)}, ${sql.ref(id)}) < (${place[0]}::timestamp at time zone 'UTC', ${place[1]}::uuid)`;
}
