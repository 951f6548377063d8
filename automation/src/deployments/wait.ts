import type { Deployment } from "../contract/deployments.ts";
import type { Notifications } from "../database/notifications.ts";
import { nextNotification } from "../database/notifications.ts";
import type { Database } from "../database.ts";
import { isTerminal } from "./rules.ts";
import { findDeployment, readStatus } from "./store.ts";

/** Looks again at least so often: a notification may have been missed. */
const LONGEST_LOOK_MS = 1_000;

/**
 * Waits until a deployment has ended, at most `seconds`, and answers what it is then; undefined when there is none. Ends
 * early when `signal` aborts (the client is gone, or the server stops).
 */
export async function waitForEnd(
  db: Database,
  notifications: Notifications,
  id: string,
  seconds: number,
  signal: AbortSignal,
): Promise<Deployment | undefined> {
  const deadline = performance.now() + seconds * 1_000;
  for (;;) {
    const left = deadline - performance.now();
    if (left <= 0 || signal.aborted) break;
    // Asked for before the look, so that what happens in between is not missed.
    const woken = new AbortController();
    const told = nextNotification(
      notifications,
      id,
      Math.min(left, LONGEST_LOOK_MS),
      AbortSignal.any([signal, woken.signal]),
    );
    try {
      const status = await readStatus(db, id);
      if (status === undefined || isTerminal(status)) break;
      await told;
    } finally {
      woken.abort();
    }
  }
  return findDeployment(db, id);
}
