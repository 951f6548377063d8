import type { DeploymentEvent } from "../contract/events.ts";
import type { Notifications } from "../database/notifications.ts";
import { nextNotification } from "../database/notifications.ts";
import type { Database } from "../database.ts";
import { isTerminal } from "./rules.ts";
import { readEvents, readStatus } from "./store.ts";

const PAGE_SIZE = 500;
/** Looks again at least so often: a notification may have been missed. */
const LONGEST_LOOK_MS = 1_000;

/**
 * Events of a deployment after a sequence number, in order and without gaps, live until it has ended or `signal` aborts.
 * Answers whether it came to the end.
 */
export async function* eventFeed(
  db: Database,
  notifications: Notifications,
  id: string,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<DeploymentEvent, boolean> {
  let last = after;
  while (!signal.aborted) {
    // Asked for before the look, so that what happens in between is not missed.
    const woken = new AbortController();
    const told = nextNotification(
      notifications,
      id,
      LONGEST_LOOK_MS,
      AbortSignal.any([signal, woken.signal]),
    );
    try {
      // Before the events: the last of them commits with the terminal status, so that none can follow a look that saw it.
      const status = await readStatus(db, id);
      const events = await readEvents(db, id, { after: last, limit: PAGE_SIZE });
      for (const event of events) {
        last = event.sequence;
        yield event;
      }
      if (events.length === PAGE_SIZE) continue;
      if (status === undefined || isTerminal(status)) return true;
      await told;
    } finally {
      woken.abort();
    }
  }
  return false;
}
