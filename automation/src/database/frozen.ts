import { sql } from "kysely";
import type { Transaction } from "../database.ts";

/** Less than a lease; the longest pause between two statements of a process that runs is the replay of a large state. */
const LONGEST_IDLE_MS = 10_000;

/**
 * Makes a transaction end by itself when its process is frozen between two statements (SIGSTOP, a machine that sleeps). A takeover passes by rows that are locked: without this
 * nobody could tell that the deployment is lost for as long as the process stands still.
 */
export async function loseLocksWhenFrozen(trx: Transaction): Promise<void> {
  await sql`select set_config('idle_in_transaction_session_timeout', ${String(LONGEST_IDLE_MS)}, true)`.execute(
    trx,
  );
}
