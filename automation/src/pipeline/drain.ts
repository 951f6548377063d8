import { setTimeout as pause } from "node:timers/promises";
import type { StopSwitch } from "./stop-reason.ts";
import type { ReadyContainment } from "./warm-containments.ts";

/** One running attempt, as far as ending it is concerned. */
export interface Drainable {
  stop: Pick<StopSwitch, "reason" | "stop">;
  ready: { containment: Pick<ReadyContainment["containment"], "interrupt"> };
  /** Resolves when the attempt has ended, however it did. */
  done: Promise<void>;
}

export interface DrainOptions {
  /** How long the attempts may go on. */
  drainMs: number;
  /** Time between the interrupt and the next step of the ladder. */
  cancelGraceMs: number;
  /** Aborted when whoever stops the worker waits no longer: the ladder begins at once. */
  hurry: AbortSignal;
}

/**
 * Lets running attempts finish for the drain time, then interrupts those that are left. Resolves when none is left.
 */
export async function drain(running: readonly Drainable[], options: DrainOptions): Promise<void> {
  const all = Promise.all(running.map((one) => one.done));
  const waiting = new AbortController();
  // The only rejection is the abort: by `waiting` when all is done, by `hurry` when the ladder is to begin.
  const time = pause(options.drainMs, undefined, {
    signal: AbortSignal.any([waiting.signal, options.hurry]),
  }).catch(() => {});
  if ((await Promise.race([all.then(() => "done" as const), time])) !== "done") {
    for (const one of running) {
      if (one.stop.reason() !== null) continue;
      one.stop.stop("drained");
      one.ready.containment.interrupt(options.cancelGraceMs);
    }
  }
  await all;
  waiting.abort();
}
