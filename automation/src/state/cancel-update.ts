import { setTimeout as pause } from "node:timers/promises";
import { notify } from "../deployments/events-store.ts";
import { SlipwayError } from "../errors.ts";
import type { Ender } from "./end-update.ts";
import { endUpdate } from "./end-update.ts";
import { holdWhileDatabaseIsAway } from "./hold.ts";
import { readBatches } from "./journal-store.ts";
import { DRAIN_MS, decideCancel, openOperations } from "./rules.ts";
import { lockAll } from "./states-store.ts";
import { runWork, unpackedBytes } from "./threads/pool.ts";
import { beginDrain, findUpdateRow, lockUpdate, UPDATE_CHANNEL } from "./updates-store.ts";
import type { WriteDependencies } from "./write-state.ts";
import { lockWriter } from "./writers-store.ts";

/** How often a drain looks whether everything that was under way has ended. */
const DRAIN_POLL_MS = 100;

/** What a cancel needs. */
export interface Cancelling {
  stackId: string;
  updateId: string;
  by: Ender;
  signal: AbortSignal;
  /** Shorter in tests. */
  drainMs?: number;
}

/**
 * Cancels a bare update (POST cancel) and returns when its stack is free. From now on the CLI can begin nothing: all that is still recorded, for at most `DRAIN_MS`, is how
 * operations ended that were under way. The stack stays held meanwhile, and the state is made once, at the end of it: when the last of them has ended, when the CLI
 * says that it is through, or when the time is up. Should this server die while it waits, the reaper does the same. Throws SlipwayError `conflict` when there is nothing to
 * cancel or a deployment runs the update, `not_found`.
 */
export async function cancelUpdate(deps: WriteDependencies, cancelling: Cancelling): Promise<void> {
  const { signal } = cancelling;
  const until = await holdWhileDatabaseIsAway(() => startCancel(deps, cancelling), signal);
  if (until === null) return;
  // Whoever asked has gone: the reaper ends the drain.
  if (!(await drain(deps, cancelling, until))) return;
  await holdWhileDatabaseIsAway(() => finishCancel(deps, cancelling), signal);
}

/** Answers until when the drain lasts at most, by this process's monotonic clock; null when the update is at its end. */
async function startCancel(
  deps: WriteDependencies,
  { stackId, updateId, by, drainMs = DRAIN_MS }: Cancelling,
): Promise<number | null> {
  return deps.db.transaction().execute(async (trx) => {
    await lockWriter(trx, stackId);
    const update = await lockUpdate(trx, updateId);
    if (update === undefined || update.stackId !== stackId) {
      throw new SlipwayError("not_found", "The stack has no such update.");
    }
    const decision = decideCancel(update);
    switch (decision.kind) {
      case "done":
        return null;
      case "refused":
        throw new SlipwayError(
          "conflict",
          decision.detail,
          decision.remedy === undefined ? {} : { remedy: decision.remedy },
        );
      case "drop":
        await endUpdate(trx, deps, update, "cancelled", by);
        return null;
      case "drain":
        // A second cancel waits for the end of the first one's drain.
        if (update.drainUntil === null) {
          await beginDrain(trx, update, { principal: by.principal, drainMs });
          await notify(trx, UPDATE_CHANNEL, update.id);
        }
        return performance.now() + drainMs;
    }
  });
}

/** Waits until nothing is under way any more or the time is up. Answers false when the wait was given up. */
async function drain(
  { db, keyring }: WriteDependencies,
  { stackId, updateId, signal }: Cancelling,
  until: number,
): Promise<boolean> {
  let open = new Set<number>();
  let seen = 0;
  for (;;) {
    const update = await holdWhileDatabaseIsAway(() => findUpdateRow(db, { stackId, updateId }), signal);
    // Whole states say nothing of what is under way but at their end: the CLI's completion is waited for.
    if (update?.status !== "running") return true;
    const batches = await holdWhileDatabaseIsAway(() => readBatches(db, updateId, seen), signal);
    if (batches.length > 0) {
      const locked = await lockAll(db, keyring, stackId, batches);
      open = openOperations(await runWork("operations", { batches: locked }, unpackedBytes(locked)), open);
      seen = batches.at(-1)?.id ?? seen;
    }
    if (update.journalVersion > 0 && open.size === 0) return true;
    if (performance.now() >= until) return true;
    if (signal.aborted) return false;
    // The only rejection is the abort, which the loop looks at.
    await pause(DRAIN_POLL_MS, undefined, { signal }).catch(() => {});
  }
}

async function finishCancel(deps: WriteDependencies, { stackId, updateId, by }: Cancelling): Promise<void> {
  await deps.db.transaction().execute(async (trx) => {
    await lockWriter(trx, stackId);
    const update = await lockUpdate(trx, updateId);
    if (update?.status !== "running") return;
    await endUpdate(trx, deps, update, "cancelled", by);
  });
}
