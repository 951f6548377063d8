import type { Pause } from "../contract/queue.ts";

const COVERED: Readonly<Record<Pause["scope"], string>> = {
  everything: "Everything",
  project: "Its project",
  stack: "The stack",
};

/** A pause in one sentence: who, since when and why. */
export function pauseInWords(pause: Pick<Pause, "scope" | "reason" | "pausedBy" | "pausedAt">): string {
  const since = new Date(pause.pausedAt).toISOString();
  return `${COVERED[pause.scope]} is paused by ${pause.pausedBy} since ${since}: ${pause.reason}`;
}
