import { z } from "zod";

const CURSOR = /^p([1-9]\d{0,17})$/;

/** The cursor of a page: what `nextCursor` of the page before said. Opaque to clients. */
const Cursor = z.string().transform((text, context) => {
  const position = CURSOR.exec(Buffer.from(text, "base64url").toString("utf8"))?.[1];
  if (position !== undefined) return position;
  context.addIssue({ code: "custom", message: "is not a cursor of this list" });
  return z.NEVER;
});

export const PageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(25),
  cursor: Cursor.optional(),
});

/** What a store needs for one page: rows below `before` (newest first); one more than `limit` tells if there is a next. */
export type PageRequest = { readonly limit: number; readonly before: string | null };

export function pageRequest(query: z.output<typeof PageQuery>): PageRequest {
  return { limit: query.limit, before: query.cursor ?? null };
}

export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
}

/** Cuts `limit + 1` positioned items down to a page and its cursor. */
export function toPage<T extends { readonly position: string }>(
  items: readonly T[],
  limit: number,
): { items: T[]; nextCursor: string | null } {
  const page = items.slice(0, limit);
  const last = page.at(-1);
  return {
    items: page,
    nextCursor: items.length > limit && last !== undefined ? encodeCursor(last.position) : null,
  };
}

export function encodeCursor(position: string): string {
  return Buffer.from(`p${position}`, "utf8").toString("base64url");
}
