import type { DeploymentEvent } from "../contract/events.ts";
import { liveFeed } from "../database/live-feed.ts";
import type { Notifications } from "../database/notifications.ts";
import type { Database } from "../database.ts";
import { isTerminal } from "./rules.ts";
import { readEvents, readStatus } from "./store.ts";

const PAGE_SIZE = 500;

/**
 * Events of a deployment after a sequence number, in order and without gaps, live until it has ended or `signal` aborts.
 * Answers whether it came to the end.
 */
export function eventFeed(
  db: Database,
  notifications: Notifications,
  id: string,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<DeploymentEvent, boolean> {
  const look = async (last: number) => {
    // Before the events: the last of them commits with the terminal status, so that none can follow a look that saw it.
    const status = await readStatus(db, id);
    const events = await readEvents(db, id, { after: last, limit: PAGE_SIZE });
    return {
      events,
      more: events.length === PAGE_SIZE,
      ended: status === undefined || isTerminal(status),
    };
  };
  return liveFeed(notifications, id, after, look, signal);
}
