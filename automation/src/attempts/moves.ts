/** Every status of an attempt, in the order in which they can come. */
export const ATTEMPT_STATUSES = ["claimed", "running", "succeeded", "failed", "cancelled", "lost"] as const;
export type AttemptStatus = (typeof ATTEMPT_STATUSES)[number];

/** Every move of an attempt's status that exists, as MOVES in deployments/rules.ts has a deployment's. The table attempt_moves holds the same, and the database refuses any other. */
export const ATTEMPT_MOVES: Readonly<Record<AttemptStatus, readonly AttemptStatus[]>> = {
  // Nothing can have succeeded that never began; everything else can happen to it before it does.
  claimed: ["running", "failed", "cancelled", "lost"],
  running: ["succeeded", "failed", "cancelled", "lost"],
  succeeded: [],
  failed: [],
  cancelled: [],
  lost: [],
};

/** Whether an attempt may go from one status to another. */
export function canAttemptMove(from: AttemptStatus, to: AttemptStatus): boolean {
  return ATTEMPT_MOVES[from].includes(to);
}

/** Whether an attempt has a worker that may still be at work on it. */
export function isAttemptLive(status: AttemptStatus): boolean {
  return ATTEMPT_MOVES[status].length > 0;
}
