import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../clock.ts";
import { stopIfCancelled } from "./shipping.ts";

const MS = 1_000;

/** Looks every `everySeconds` until `look` answers something, for `limitSeconds` at most; then it throws what `late` makes. A cancellation ends it at once. */
export async function waitUntil<T>(
  { limitSeconds, everySeconds, signal }: { limitSeconds: number; everySeconds: number; signal: AbortSignal },
  look: () => Promise<T | undefined>,
  late: () => Error,
): Promise<T> {
  const deadlineMs = systemClock.monotonicMs() + limitSeconds * MS;
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    if (systemClock.monotonicMs() + everySeconds * MS > deadlineMs) throw late();
    await pause(everySeconds, signal);
  }
}

/** Waits; a cancellation ends it with its error. */
export async function pause(seconds: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(seconds * MS, undefined, { signal });
  } catch (thrown) {
    stopIfCancelled(signal, thrown);
    throw thrown;
  }
}
