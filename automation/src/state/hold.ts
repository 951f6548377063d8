import { setTimeout as pause } from "node:timers/promises";
import { SlipwayError, systemCode } from "../errors.ts";

/** The CLI itself tries again for 7 s; a restart of Postgres, or its move to another machine, takes longer. */
export const HOLD_MS = 30_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

/** SQLSTATEs of a server that is going away or is not there yet, with class 08 (connection exceptions). */
const AWAY_STATES = new Set(["57P01", "57P02", "57P03"]);
const AWAY_SYSTEM_CODES = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ENOENT",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
]);
/** What pg says when its connection is gone without a code of the system. */
const AWAY_MESSAGE =
  /connection terminated|connection ended|connection timeout|is not queryable|timeout exceeded when trying to connect/iu;

/** True for an error that says that the database cannot be reached just now, and nothing about the statement. */
export function isDatabaseAway(error: unknown): boolean {
  const code = systemCode(error);
  if (
    code !== undefined &&
    (AWAY_STATES.has(code) || AWAY_SYSTEM_CODES.has(code) || /^08.{3}$/u.test(code))
  ) {
    return true;
  }
  return error instanceof Error && AWAY_MESSAGE.test(error.message);
}

/**
 * Does work on the database, again and again while that is away, for at most `HOLD_MS`; then, or when `signal` aborts, throws SlipwayError `not_ready`. After a lost
 * reply nobody knows whether the work was committed: `work` must be one that does no harm a second time.
 */
export async function holdWhileDatabaseIsAway<T>(
  work: () => Promise<T>,
  signal: AbortSignal,
  holdMs: number = HOLD_MS,
): Promise<T> {
  const deadline = performance.now() + holdMs;
  let wait = FIRST_PAUSE_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isDatabaseAway(error)) throw error;
      const left = deadline - performance.now();
      if (left <= 0 || signal.aborted) throw away(error);
      // The only rejection is the abort, which ends the loop by the next failure.
      await pause(Math.min(wait, left), undefined, { signal }).catch(() => {});
      wait = Math.min(wait * 2, LONGEST_PAUSE_MS);
    }
  }
}

function away(cause: unknown): SlipwayError {
  return new SlipwayError("not_ready", "The database of Slipway does not answer.", {
    cause,
    remedy: "Nothing that was acknowledged is lost. Try again when it is back: slipway doctor tells.",
  });
}
