import type { Queue } from "pg-boss";

/** What pg-boss keeps apart by name. Made by the migration; its settings count for every job that does not bring its own. */
export const QUEUES = {
  /** Hints that a stack may have something to claim. One that is lost, late or double changes nothing. */
  dispatch: {
    retryLimit: 0,
    expireInSeconds: 60,
    retentionSeconds: 3_600,
    deleteAfterSeconds: 60,
    notify: true,
  },
  /** Deliveries of notifications that are due. Whether one is tried again, and when, is in its row. */
  "deliver-notification": {
    retryLimit: 0,
    expireInSeconds: 60,
    retentionSeconds: 90_000,
    deleteAfterSeconds: 60,
    notify: true,
  },
} as const satisfies Record<string, Omit<Queue, "name">>;

export type QueueName = keyof typeof QUEUES;

/** A queue that its settings send failed jobs to must be there before it. */
export function queuesInOrder(): { name: QueueName; settings: Omit<Queue, "name"> }[] {
  const all = Object.entries<Omit<Queue, "name">>(QUEUES).map(([name, settings]) => ({
    name: name as QueueName,
    settings,
  }));
  return [
    ...all.filter(({ settings }) => settings.deadLetter === undefined),
    ...all.filter(({ settings }) => settings.deadLetter !== undefined),
  ];
}
