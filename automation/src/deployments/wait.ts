import type { Deployment } from "../contract/deployments.ts";
import type { Notifications } from "../database/notifications.ts";
import { waitUntil } from "../database/notifications.ts";
import type { Database } from "../database.ts";
import { statusTopic } from "./events-store.ts";
import { isTerminal } from "./rules.ts";
import { findDeployment, readStatus } from "./store.ts";

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
  const hasEnded = async () => {
    const status = await readStatus(db, id);
    return status === undefined || isTerminal(status);
  };
  await waitUntil(notifications, statusTopic(id), seconds, hasEnded, signal);
  return findDeployment(db, id);
}
