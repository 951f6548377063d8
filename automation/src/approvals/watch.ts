import { setTimeout as pause } from "node:timers/promises";
import { deleteOldSignIns } from "../access/sign-ins-store.ts";
import type { Database } from "../database.ts";
import { SLIPWAY } from "../deployments/completion.ts";
import { messageOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { endStaleDeployments } from "../seals/stale.ts";
import { stacksMovedSinceSeal } from "../seals/store.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { apply, ask, lockAsked } from "./decide.ts";
import { tellRequested } from "./messages.ts";
import { dueApprovals, markReminded } from "./store.ts";

const LOOK_EVERY_MS = 2_000;
const BATCH = 50;
const SIGN_INS_EVERY_PASSES = 300;
const SIGN_INS_AT_ONCE = 1_000;

/** What the loop works with. */
export interface WatchDependencies {
  db: Database;
  keyring: Keyring;
  logger: Pick<Logger, "error">;
  /** Told after each pass that went through. */
  onPass?: () => void;
  /** Shorter in tests. */
  everyMs?: number;
}

/**
 * Ends what nobody has decided about in time, and reminds at half time, by the database's clock, until `signal` aborts. Any number of servers may do it at once. Never rejects; what fails is
 * tried again.
 */
export async function watchApprovals(deps: WatchDependencies, signal: AbortSignal): Promise<void> {
  for (let pass = 0; !signal.aborted; pass += 1) {
    try {
      await lapseOnce(deps);
      await endMoved(deps);
      if (pass % SIGN_INS_EVERY_PASSES === 0) await deleteOldSignIns(deps.db, SIGN_INS_AT_ONCE);
      deps.onPass?.();
    } catch (error) {
      deps.logger.error({ error: messageOf(error) }, "approvals that are due could not be looked for");
    }
    // The only rejection is the abort, which the loop looks at.
    await pause(deps.everyMs ?? LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
  }
}

/** One pass. Answers how many approvals this server dealt with. */
export async function lapseOnce({ db, logger }: Pick<WatchDependencies, "db" | "logger">): Promise<number> {
  let count = 0;
  for (const { deploymentId, due } of await dueApprovals(db, BATCH)) {
    try {
      const done = await db.transaction().execute(async (trx) => {
        // Whoever comes second waits here, and then finds nothing to do.
        const asked = await lockAsked(trx, deploymentId);
        if (asked === undefined) return false;
        if (due === "end")
          return apply(trx, asked, await ask(trx, asked, { kind: "time" }), { requestId: null });
        if (asked.waiting.state !== "open" || !(await markReminded(trx, deploymentId))) return false;
        await tellRequested(trx, asked, true);
        return true;
      });
      if (done) count += 1;
    } catch (error) {
      // One that cannot be dealt with must not keep the others; it stays due.
      logger.error({ deployment: deploymentId, error: messageOf(error) }, "an approval could not be ended");
    }
  }
  return count;
}

/**
 * Ends what waits for votes on stacks whose state has moved since it was sealed, whoever moved it: the end of a run of the Pulumi CLI or of another attempt asks nobody who waits. Answers how many deployments
 * were ended.
 */
export async function endMoved({
  db,
  keyring,
  logger,
}: Pick<WatchDependencies, "db" | "keyring" | "logger">): Promise<number> {
  let count = 0;
  for (const stackId of await stacksMovedSinceSeal(db, BATCH)) {
    try {
      const ended = await db
        .transaction()
        .execute((trx) => endStaleDeployments(trx, keyring, stackId, SLIPWAY));
      count += ended.length;
    } catch (error) {
      // One stack whose key is away must not keep the others; it is found again.
      logger.error({ stack: stackId, error: messageOf(error) }, "stale deployments could not be ended");
    }
  }
  return count;
}
