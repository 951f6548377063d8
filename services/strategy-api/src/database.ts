import pg from "pg";
import type { Logger } from "pino";

const CONNECT_TIMEOUT_MS = 3_000;
const STATEMENT_TIMEOUT_MS = 10_000;
const MAX_CONNECTIONS = 10;

export type Database = pg.Pool;
/** A pool, or the connection of a transaction. */
export type Queryable = Pick<pg.Pool, "query">;

/** A pool of connections. It connects at first use; the caller ends it. */
export function openDatabase(url: string, logger: Logger): Database {
  const pool = new pg.Pool({
    connectionString: url,
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    application_name: "strategy-api",
  });
  // An idle connection that the server closes would otherwise end the process as an unhandled "error" event.
  pool.on("error", (error) => logger.warn({ err: error }, "an idle database connection was lost"));
  return pool;
}

/** Runs `work` in one transaction: commits when it returns, rolls back when it throws. */
export async function inTransaction<T>(db: Database, work: (tx: Queryable) => Promise<T>): Promise<T> {
  const client = await db.connect();
  let broken: Error | undefined;
  try {
    await client.query("begin");
    const result = await work(client);
    await client.query("commit");
    return result;
  } catch (error) {
    try {
      await client.query("rollback");
    } catch (rollbackError) {
      // The connection is unusable. It is destroyed below, which ends the transaction; the first error is the one to report.
      broken = rollbackError instanceof Error ? rollbackError : new Error(String(rollbackError));
    }
    throw error;
  } finally {
    client.release(broken);
  }
}
