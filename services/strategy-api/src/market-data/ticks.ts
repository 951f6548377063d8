import { setTimeout as delay } from "node:timers/promises";
import type { Instrument } from "./instruments.ts";
import { livePrice } from "./prices.ts";

/** A reader that was away gets at most this many missed ticks; older ones are skipped. */
export const MAX_REPLAYED_TICKS = 120;
const RECONNECT_MS = 1_000;

export type Quote = { readonly symbol: string; readonly price: number; readonly change: number };
export type Tick = { readonly at: string; readonly quotes: Quote[] };

/** The quotes of tick number `tick`. `change` is the difference from the tick before. */
export function quotesAt(instruments: readonly Instrument[], tick: number): Quote[] {
  return instruments.map((instrument) => {
    const price = livePrice(instrument, tick);
    const change = Number((price - livePrice(instrument, tick - 1)).toFixed(4));
    return { symbol: instrument.symbol, price, change };
  });
}

/** Where a stream begins: after the last event seen, but neither in the future nor further back than the replay limit. */
export function firstTick(latest: number, lastSeen: number | undefined): number {
  if (lastSeen === undefined) return latest;
  return Math.min(Math.max(lastSeen + 1, latest - MAX_REPLAYED_TICKS + 1), latest + 1);
}

/** Ticks since `lastEventId`, oldest first; the newest alone without it. `next`: the id to ask with the next time; `pollAfterMs`: when there is something new. */
export function ticksAfter(options: {
  readonly instruments: readonly Instrument[];
  readonly tickMs: number;
  readonly lastEventId: number | undefined;
  readonly nowMs: number;
}): { items: Tick[]; next: number; pollAfterMs: number } {
  const { instruments, tickMs, lastEventId, nowMs } = options;
  const latest = Math.floor(nowMs / tickMs);
  const first = firstTick(latest, lastEventId === undefined ? undefined : Math.floor(lastEventId / tickMs));
  const items: Tick[] = [];
  for (let tick = first; tick <= latest; tick += 1) items.push(tickAt(instruments, tick, tickMs));
  return { items, next: latest * tickMs, pollAfterMs: Math.max(1, (latest + 1) * tickMs - nowMs) };
}

function tickAt(instruments: readonly Instrument[], tick: number, tickMs: number): Tick {
  return { at: new Date(tick * tickMs).toISOString(), quotes: quotesAt(instruments, tick) };
}

/**
 * The body of an event stream, one text chunk an event. Event ids are the tick's time in epoch milliseconds, so that a
 * stream can be resumed on another process or version. Ends when `signal` aborts.
 */
export async function* tickEvents(options: {
  readonly instruments: readonly Instrument[];
  readonly tickMs: number;
  readonly lastEventId: number | undefined;
  readonly nowMs: () => number;
  readonly signal: AbortSignal;
}): AsyncGenerator<string, void, undefined> {
  const { instruments, tickMs, nowMs, signal } = options;
  const latest = () => Math.floor(nowMs() / tickMs);
  let next = firstTick(
    latest(),
    options.lastEventId === undefined ? undefined : Math.floor(options.lastEventId / tickMs),
  );
  yield `retry: ${RECONNECT_MS}\n\n`;
  while (!signal.aborted) {
    for (; next <= latest() && !signal.aborted; next += 1) {
      const tick = tickAt(instruments, next, tickMs);
      yield `id: ${next * tickMs}\nevent: tick\ndata: ${JSON.stringify(tick)}\n\n`;
    }
    try {
      await delay(Math.max(1, next * tickMs - nowMs()), undefined, { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
