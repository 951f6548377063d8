import type { Update } from "../contract/updates.ts";
import type { Notifications } from "../database/notifications.ts";
import { waitUntil } from "../database/notifications.ts";
import type { Database } from "../database.ts";
import { findUpdate } from "./history-store.ts";
import { readUpdateStatus } from "./update-events-store.ts";
import { hasEnded } from "./update-feed.ts";

/**
 * Waits until an update has ended, at most `seconds`, and answers what it is then; undefined when there is none. Ends early when `signal`
 * aborts.
 */
export async function waitForUpdate(
  db: Database,
  notifications: Notifications,
  id: string,
  seconds: number,
  signal: AbortSignal,
): Promise<Update | undefined> {
  const isOver = async () => {
    const status = await readUpdateStatus(db, id);
    return status === undefined || hasEnded(status);
  };
  await waitUntil(notifications, id, seconds, isOver, signal);
  return (await findUpdate(db, id))?.update;
}
