import type { UpdateEvent, UpdateStatus } from "../contract/updates.ts";
import { ENDED_UPDATE_STATUSES } from "../contract/updates.ts";
import type { Look } from "../database/live-feed.ts";
import { liveFeed } from "../database/live-feed.ts";
import type { Notifications } from "../database/notifications.ts";
import type { Database } from "../database.ts";
import { tellGaps } from "./event-gaps.ts";
import { readUpdateEvents, readUpdateStatus } from "./update-events-store.ts";

const PAGE_SIZE = 500;

/** Whether the update's status is one that it never leaves. */
export function hasEnded(status: UpdateStatus): boolean {
  return ENDED_UPDATE_STATUSES.includes(status);
}

/** One page of an update's events after a number: what can be told in order now. */
export async function lookAtUpdate(
  db: Database,
  id: string,
  { after, limit }: { after: number; limit: number },
): Promise<Look<UpdateEvent>> {
  // Before the events: the CLI completes an update when all its events were answered, so that none follows a look that saw the end.
  const status = await readUpdateStatus(db, id);
  const ended = status === undefined || hasEnded(status);
  const stored = await readUpdateEvents(db, id, { after, limit });
  const { items, held } = tellGaps(stored, ended);
  return { events: items, more: stored.length === limit && !held, ended };
}

/**
 * Events of an update after a number, in order and with its gaps, live until it has ended or `signal` aborts. Answers whether it came to the
 * end.
 */
export function updateFeed(
  db: Database,
  notifications: Notifications,
  id: string,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<UpdateEvent, boolean> {
  return liveFeed(
    notifications,
    id,
    after,
    (last) => lookAtUpdate(db, id, { after: last, limit: PAGE_SIZE }),
    signal,
  );
}
