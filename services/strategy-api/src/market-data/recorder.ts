import type { PriceHistory } from "./history.ts";
import { MAX_REPLAYED_TICKS, type Tick } from "./ticks.ts";

/** How long a store that failed is left alone: one that is away must not slow every answer. */
export const RECORD_PAUSE_MS = 10_000;
/** Ticks that are remembered as kept: twice what one answer can replay. */
const REMEMBERED_TICKS = 2 * MAX_REPLAYED_TICKS;

type Log = { warn(details: object, message: string): void };
export type Recorder = (ticks: readonly Tick[], log: Log) => Promise<void>;

/**
 * Keeps the ticks that are handed out, each quote once a process: other processes keep the same ones, which changes nothing. Never rejects: who asks for prices gets them also while nothing can be
 * kept, and the log has why.
 */
export function createRecorder(history: () => Promise<PriceHistory>, nowMs: () => number): Recorder {
  const kept = new Map<string, ReadonlySet<string>>();
  let restsUntilMs = 0;

  const withoutKept = (ticks: readonly Tick[]): Tick[] =>
    ticks.flatMap(({ at, quotes }) => {
      const fresh = quotes.filter(({ symbol }) => kept.get(at)?.has(symbol) !== true);
      return fresh.length === 0 ? [] : [{ at, quotes: fresh }];
    });

  function remember(ticks: readonly Tick[]): void {
    for (const { at, quotes } of ticks) {
      kept.set(at, new Set([...(kept.get(at) ?? []), ...quotes.map(({ symbol }) => symbol)]));
    }
    for (const at of [...kept.keys()].slice(0, Math.max(0, kept.size - REMEMBERED_TICKS))) kept.delete(at);
  }

  return async (ticks, log) => {
    const fresh = withoutKept(ticks);
    if (fresh.length === 0 || nowMs() < restsUntilMs) return;
    try {
      await (await history()).record(fresh);
      remember(fresh);
    } catch (error) {
      restsUntilMs = nowMs() + RECORD_PAUSE_MS;
      log.warn({ err: error, ticks: fresh.length }, "ticks were not recorded");
    }
  };
}
