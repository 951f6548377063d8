import { setTimeout as sleep } from "node:timers/promises";

const ATTEMPT_TIMEOUT_MS = 2000;
const FIRST_PAUSE_MS = 25;
const MAX_PAUSE_MS = 250;

/** One question to a health URL. Null when it answered 2xx, else what was wrong. */
export async function checkHealth(url: string, signal: AbortSignal): Promise<string | null> {
  try {
    const response = await fetch(url, {
      redirect: "manual",
      signal: AbortSignal.any([signal, AbortSignal.timeout(ATTEMPT_TIMEOUT_MS)]),
    });
    await response.body?.cancel();
    return response.ok ? null : `answered ${response.status}`;
  } catch (thrown) {
    if (thrown instanceof Error && thrown.name === "TimeoutError")
      return `no answer in ${ATTEMPT_TIMEOUT_MS} ms`;
    return "does not accept connections";
  }
}

/** Asks until the URL answers 2xx (null), or `signal` is aborted (the last reason). */
export async function waitForHealth(url: string, signal: AbortSignal): Promise<string | null> {
  let pause = FIRST_PAUSE_MS;
  let last = "was never asked";
  while (!signal.aborted) {
    const reason = await checkHealth(url, signal);
    if (reason === null) return null;
    // The attempt that the deadline cut short says nothing about the process.
    if (!signal.aborted || last === "was never asked") last = reason;
    await sleep(pause, undefined, { signal }).catch(() => undefined);
    pause = Math.min(pause * 2, MAX_PAUSE_MS);
  }
  return last;
}
