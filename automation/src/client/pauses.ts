import type { Pause } from "../contract/queue.ts";

/** What is paused, by whom, since when and why, in one sentence without a full stop of its own. */
export function pauseSentence({
  scope,
  organisation,
  project,
  stack,
  reason,
  pausedBy,
  pausedAt,
}: Pause): string {
  const what =
    scope === "everything"
      ? "Everything"
      : [organisation, project, stack].filter((part) => part !== null).join("/");
  return `${what} is paused by ${pausedBy} since ${pausedAt}: ${reason}`;
}
