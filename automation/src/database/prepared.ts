import type { RawBuilder } from "kysely";
import { sql } from "kysely";
import pg from "pg";

const MARK = /^\s*\/\* prepared ([a-z_]{1,40}) \*\//;

/**
 * Begins a literal statement that each connection reads and plans once, and then only runs: for those that somebody waits for hundreds of times a minute. Everything that varies must be a
 * parameter: one name belongs to one text. Only for statements whose columns no migration changes.
 */
export function prepared(name: string): RawBuilder<unknown> {
  return sql.raw(`/* prepared ${name} */`);
}

/** A connection that keeps marked statements by their names. What it keeps ends with it, so that a new one after a restart of Postgres begins anew. */
export class PreparingClient extends pg.Client {
  // The signature has ten forms, of which Kysely uses one.
  override query = ((text: unknown, ...rest: unknown[]): unknown => {
    const plain = pg.Client.prototype.query as (...given: unknown[]) => unknown;
    const name = typeof text === "string" ? MARK.exec(text)?.[1] : undefined;
    if (name === undefined || !Array.isArray(rest[0])) return plain.call(this, text, ...rest);
    return plain.call(this, { name, text, values: rest[0] }, ...rest.slice(1));
  }) as typeof pg.Client.prototype.query;
}
