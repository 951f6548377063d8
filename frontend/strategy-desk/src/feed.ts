import type { Tick, Ticks } from "./api.ts";

/** Each question may be a paid call, and nobody reads faster. */
const LEAST_PAUSE_MS = 1_000;
const PAUSE_AFTER_FAILURE_MS = 5_000;

export type Feed = { readonly tick: Tick | undefined; readonly state: "connecting" | "live" | "interrupted" };

/** Asks for ticks again and again until `signal` aborts, and shows the newest. A failure is shown, and does not end it. */
export async function pollTicks(options: {
  readonly ask: (after: string | null, signal: AbortSignal) => Promise<Ticks>;
  readonly show: (change: (before: Feed) => Feed) => void;
  readonly signal: AbortSignal;
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
}): Promise<void> {
  const { ask, show, signal, pause } = options;
  let after: string | null = null;
  while (!signal.aborted) {
    let waitMs = PAUSE_AFTER_FAILURE_MS;
    try {
      const { items, next, pollAfterMs } = await ask(after, signal);
      after = next;
      waitMs = Math.max(pollAfterMs, LEAST_PAUSE_MS);
      show((before) => ({ tick: items.at(-1) ?? before.tick, state: "live" }));
    } catch {
      // The page says that it is interrupted; the next answer says more than this error would.
      if (!signal.aborted) show((before) => ({ tick: before.tick, state: "interrupted" }));
    }
    await pause(waitMs, signal);
  }
}

/** Ends after `ms`, or at once when `signal` aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end);
  });
}
