import { setTimeout as pause } from "node:timers/promises";
import { sql } from "kysely";
import type { Database, Transaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { holdWhileDatabaseIsAway } from "../state/hold.ts";

/** What is begun here has to be ended, also when its attempt is cancelled: no signal ends the wait for the database. */
const NEVER = new AbortController().signal;
const POLL_MS = 50;
/** A commit whose connection broke is decided by the time its server process sees that. */
const DECIDED_WITHIN_MS = 30_000;

/**
 * A transaction that is committed exactly once although the reply to its commit may be lost: it is tried again while the database is away, but first its own number is looked up
 * (pg_xact_status), so that what was committed is answered and not done again. Throws what `work` throws, and SlipwayError `not_ready` when the database stays away.
 */
export function commitOnce<T>(db: Database, work: (trx: Transaction) => Promise<T>): Promise<T> {
  let tried: { number: string; result: T } | undefined;
  return holdWhileDatabaseIsAway(async () => {
    if (tried !== undefined && (await isCommitted(db, tried.number))) return tried.result;
    return db.transaction().execute(async (trx) => {
      const { rows } = await sql<{ number: string }>`select pg_current_xact_id()::text as number`.execute(
        trx,
      );
      const result = await work(trx);
      tried = { number: rows[0]?.number ?? "", result };
      return result;
    });
  }, NEVER);
}

/** Whether a transaction of this database was committed. Waits while that is not decided yet. */
async function isCommitted(db: Database, number: string): Promise<boolean> {
  const giveUpAt = performance.now() + DECIDED_WITHIN_MS;
  for (;;) {
    const { rows } = await sql<{ status: string | null }>`
      select pg_xact_status(${number}::xid8) as status
    `.execute(db);
    const status = rows[0]?.status;
    if (status !== "in progress") return status === "committed";
    if (performance.now() > giveUpAt)
      throw new SlipwayError("not_ready", `transaction ${number} is not decided`, {
        remedy: "Look for a server process of Postgres that waits for a client which is gone.",
      });
    await pause(POLL_MS);
  }
}
