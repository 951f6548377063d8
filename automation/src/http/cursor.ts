import type { z } from "zod";
import { SlipwayError } from "../errors.ts";

/** Packs the place of the last item of a page. Its form may change: clients only hand it back. */
export function encodeCursor(place: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(place)).toString("base64url");
}

/** Unpacks a cursor. Throws SlipwayError `invalid_request` for one that did not come from this list. */
export function decodeCursor<Place>(cursor: string | undefined, schema: z.ZodType<Place>): Place | undefined {
  if (cursor === undefined) return undefined;
  const result = schema.safeParse(parse(cursor));
  if (result.success) return result.data;
  const message = "is not the 'next' of a page of this list";
  throw new SlipwayError("invalid_request", `query.after ${message}`, {
    details: { issues: [{ path: "query.after", message }] },
    remedy: "Start from the first page.",
  });
}

function parse(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
  } catch {
    // Not our form; the schema refuses it.
    return undefined;
  }
}

/** Makes a page of `limit` items out of up to `limit + 1` rows: the one more only says that there is a next page. */
export function pageFrom<Row, Item>(
  rows: readonly Row[],
  limit: number,
  item: (row: Row) => Item,
  place: (row: Row) => readonly (string | number)[],
): { items: Item[]; next: string | null } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    items: shown.map(item),
    next: rows.length > limit && last !== undefined ? encodeCursor(place(last)) : null,
  };
}
