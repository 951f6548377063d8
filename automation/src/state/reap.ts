import { setTimeout as pause } from "node:timers/promises";
import { messageOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { endUpdate } from "./end-update.ts";
import type { OverdueUpdate } from "./updates-store.ts";
import { overdueUpdates, tryLockOverdue } from "./updates-store.ts";
import type { WriteDependencies } from "./write-state.ts";

/** How late an update that is over may be noticed. */
const REAP_EVERY_MS = 2_000;
const BATCH = 20;

/** What the reaper works with. */
export interface ReaperDependencies extends WriteDependencies {
  logger: Pick<Logger, "warn" | "error">;
  /** Told after each pass that went through. */
  onPass?: () => void;
  /** Shorter in tests. */
  everyMs?: number;
}

/**
 * Ends updates that nobody ends (a laptop that was closed, a CLI that was killed, a server that died during a cancel) until `signal` aborts: what they recorded becomes the state,
 * and the stack is free. Any number of servers may do it at once. Never rejects; what fails is tried again.
 */
export async function reapExpiredUpdates(deps: ReaperDependencies, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await reapOnce(deps, signal).then(deps.onPass, (error: unknown) => {
      deps.logger.error({ error: messageOf(error) }, "expired updates could not be looked for");
    });
    // The only rejection is the abort, which the loop looks at.
    await pause(deps.everyMs ?? REAP_EVERY_MS, undefined, { signal }).catch(() => {});
  }
}

/** Ends those that are over now. Answers how many. */
export async function reapOnce(deps: ReaperDependencies, signal: AbortSignal): Promise<number> {
  let count = 0;
  for (const overdue of await overdueUpdates(deps.db, BATCH)) {
    if (signal.aborted) break;
    try {
      if (await reap(deps, overdue)) count += 1;
    } catch (error) {
      // One that cannot be ended must not keep the others.
      deps.logger.error(
        { update: overdue.id, error: messageOf(error) },
        "an expired update could not be ended",
      );
    }
  }
  return count;
}

function reap(deps: ReaperDependencies, overdue: OverdueUpdate): Promise<boolean> {
  return deps.db.transaction().execute(async (trx) => {
    const update = await tryLockOverdue(trx, overdue);
    if (update === undefined) return false;
    const status = update.drainUntil === null ? "expired" : "cancelled";
    await endUpdate(trx, deps, update, status, {
      principal: update.cancelledBy ?? "system",
      requestId: null,
    });
    if (!update.dryRun) deps.logger.warn({ update: update.id, status }, "ended an update that nobody ended");
    return true;
  });
}
