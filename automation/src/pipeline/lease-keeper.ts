import { setTimeout as pause } from "node:timers/promises";
import { LEASE_MS } from "../attempts/lease-rules.ts";
import type { Claim } from "../attempts/store.ts";
import { renewLease } from "../attempts/store.ts";
import type { AttemptContainment } from "../engine/attempt.ts";
import { messageOf } from "../errors.ts";
import type { WorkerContext } from "./context.ts";

/** A database that stands still for 10 s must end nothing: from the renewal asked for before that, to the one after it, is less than what a containment has. */
const RENEWAL_MS = 1_000;
/** The guardian needs a moment to end a containment: its deadline lies this much before the end of the lease. */
const ENDING_MARGIN_MS = 3_000;

/** Deadline that a containment gets for a lease that was asked for at some moment. */
export const CONTAINED_MS = LEASE_MS - ENDING_MARGIN_MS;

/**
 * Renews the lease of a claim until the signal says stop, moves the containment's deadline along, and watches for a cancel. A lease that is lost ends
 * everything at once. A database that cannot be reached is asked again; when that takes too long the guardian's deadline acts.
 */
export async function keepLease(
  context: WorkerContext,
  claim: Claim,
  containment: AttemptContainment,
  events: { onCancel: () => void; onLost: () => void },
  signal: AbortSignal,
): Promise<void> {
  let askedAt = context.clock.monotonicMs();
  while (!signal.aborted) {
    // After an answer that was long in coming the next one is asked for at once: the deadline counts from when the last was asked for.
    const wait = Math.max(0, askedAt + RENEWAL_MS - context.clock.monotonicMs());
    // The only rejection is the abort, which the loop looks at.
    await pause(wait, undefined, { signal }).catch(() => {});
    if (signal.aborted) return;
    askedAt = context.clock.monotonicMs();
    try {
      const renewed = await renewLease(context.db, claim, claim.deploymentId);
      if (signal.aborted) return;
      if (renewed === null) {
        containment.kill();
        events.onLost();
        return;
      }
      containment.renew(askedAt, CONTAINED_MS);
      if (renewed.cancelRequested) events.onCancel();
    } catch (error) {
      context.logger.warn({ attempt: claim.attemptId, error: messageOf(error) }, "the lease was not renewed");
    }
  }
}
