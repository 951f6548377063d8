import type { UpdateEvent, UpdateStatus } from "../contract/updates.ts";
import { ENDED_UPDATE_STATUSES } from "../contract/updates.ts";
import type { Database } from "../database.ts";
import type { EventList } from "../http/event-tails.ts";
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
): Promise<{ events: readonly UpdateEvent[]; more: boolean; ended: boolean }> {
  // Before the events: the CLI completes an update when all its events were answered, so that none follows a look that saw the end.
  const status = await readUpdateStatus(db, id);
  const ended = status === undefined || hasEnded(status);
  const stored = await readUpdateEvents(db, id, { after, limit });
  const { items, held } = tellGaps(stored, ended);
  return { events: items, more: stored.length === limit && !held, ended };
}

/** Events of an update, in order and with its gaps, until it has ended. */
export function eventsOfUpdate(db: Database, id: string): EventList {
  return { key: id, look: (after) => lookAtUpdate(db, id, { after, limit: PAGE_SIZE }) };
}
