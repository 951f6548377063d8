import type { Waiting } from "./queue-rules.ts";

/** What a guess at the start of a waiting deployment is made of. Times are milliseconds since 1970, by the database's clock. */
export interface ForecastFacts {
  now: number;
  /** Whether a worker could take something more now. */
  isWorkerFree: boolean;
  /** What runs on its stack: when it started, and how long such a run usually takes; null: nobody knows. Undefined: nothing runs. */
  running: { startedAt: number; usualMs: number | null } | null | undefined;
  /** How long each of those before it usually takes, first to last. */
  usualMsOfThoseBefore: readonly (number | null)[];
}

/**
 * When a waiting deployment will start if all goes as usual; null when nobody can know: a pause, a limit, a run of the Pulumi CLI, too few runs to
 * go by. What takes longer than usual is taken to end now.
 */
export function expectedStart(waiting: Pick<Waiting, "reason">, facts: ForecastFacts): number | null {
  switch (waiting.reason) {
    case "paused":
    case "limit":
      return null;
    case "next":
      return facts.isWorkerFree ? facts.now : null;
    case "behind":
    case "stack-busy":
      return sum([freeIn(facts), ...facts.usualMsOfThoseBefore], facts.now);
  }
}

/** Milliseconds until what runs has ended. */
function freeIn({ now, running }: ForecastFacts): number | null {
  if (running === undefined) return 0;
  if (running === null || running.usualMs === null) return null;
  return Math.max(0, running.startedAt + running.usualMs - now);
}

function sum(parts: readonly (number | null)[], start: number): number | null {
  let total = start;
  for (const part of parts) {
    if (part === null) return null;
    total += part;
  }
  return total;
}
