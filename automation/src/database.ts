import type { Transaction as KyselyTransaction } from "kysely";
import { Kysely, PostgresDialect } from "kysely";
import pg from "pg";
import { PreparingClient } from "./database/prepared.ts";
import type { Tables } from "./database/tables.ts";

/** Long enough for a loaded machine, short enough that a request is answered 503 rather than left hanging. */
const CONNECT_TIMEOUT_MS = 5_000;
const IDLE_TIMEOUT_MS = 30_000;
const DEFAULT_POOL_SIZE = 10;

/** What stores take first: the pool, or a transaction of it. */
export type Database = Kysely<Tables>;
/** For what must happen in the transaction of a change. */
export type Transaction = KyselyTransaction<Tables>;

/** A pool with a lifetime. Whoever opens it closes it. */
export interface OpenDatabase {
  readonly db: Database;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  /** Shown in pg_stat_activity, to tell processes apart. */
  applicationName: string;
  poolSize?: number;
  /** Told when an idle connection breaks; the pool replaces it by itself. */
  onIdleError?: (error: Error) => void;
}

/** Opens a pool on a connection string. Connects with the first query, not before. */
export function openDatabase(url: string, options: DatabaseOptions): OpenDatabase {
  const pool = new pg.Pool({
    Client: PreparingClient,
    connectionString: url,
    application_name: options.applicationName,
    max: options.poolSize ?? DEFAULT_POOL_SIZE,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    types: { getTypeParser },
  });
  // Without a listener the restart of Postgres would end the process.
  pool.on("error", (error) => options.onIdleError?.(error));
  // A connection that breaks inside a transaction, between two statements, is the pool's no longer and nobody's yet: without a listener of its own
  // it would end the process. The next statement on it fails.
  pool.on("connect", (client) => client.on("error", (error) => options.onIdleError?.(error)));
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  return { db, close: () => db.destroy() };
}

/** The database behind one connection, which its caller has opened and ends: statements that a pool cannot run, such as COPY, can join a transaction of it. */
export function databaseOn(client: pg.Client): Database {
  const lent = { query: client.query.bind(client) as pg.PoolClient["query"], release: () => {} };
  const pool = { connect: () => Promise.resolve(lent), end: () => Promise.resolve() };
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool: pool as unknown as pg.Pool }) });
}

/** How values come, for connections that are opened elsewhere. */
export const VALUE_TYPES = { getTypeParser };

/** Runs `work` in one transaction: committed when it resolves, rolled back when it throws. Joins the transaction when given one. */
export function withTransaction<T>(db: Database, work: (trx: Transaction) => Promise<T>): Promise<T> {
  if (db.isTransaction) return work(db as Transaction);
  return db.transaction().execute(work);
}

const INT8 = 20;

/** pg's own parsers, but int8 as a number: counters and sizes here stay far below 2^53, and a larger one is an error. */
function getTypeParser(oid: number, format?: "text" | "binary"): (value: string) => unknown {
  if (oid === INT8 && format !== "binary") return parseInt8;
  return pg.types.getTypeParser(oid, format as "text");
}

function parseInt8(value: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new RangeError(`the int8 ${value} does not fit a number`);
  return number;
}
