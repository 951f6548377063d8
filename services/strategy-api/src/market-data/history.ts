import type { Instrument } from "./instruments.ts";
import { livePrice } from "./prices.ts";
import type { Tick } from "./ticks.ts";

/** Milliseconds since 1970; `everyMs` divides `fromMs`. */
export type Span = { readonly fromMs: number; readonly toMs: number; readonly everyMs: number };
/** The last price of an interval that begins at `at`. */
export type PricePoint = { readonly at: string; readonly price: number };

/** Prices of the past: one for each interval of a span that has any, oldest first. */
export type PriceHistory = {
  /** `recorded`: what was handed out and kept. `computed`: what the generated market would have said, for where nothing is kept. */
  readonly source: "recorded" | "computed";
  /** Keeps ticks. To keep the same one again changes nothing. Rejects with TimeSeriesError. */
  record(ticks: readonly Tick[]): Promise<void>;
  /** Rejects with TimeSeriesError. */
  pricesOf(instrument: Instrument, span: Span): Promise<PricePoint[]>;
};

/** The span of a question: never of the future, and in as many intervals as points are wanted, each a whole number of ticks. */
export function spanOf(asked: {
  readonly fromMs: number;
  readonly toMs: number;
  readonly nowMs: number;
  readonly points: number;
  readonly tickMs: number;
}): Span {
  const { fromMs, nowMs, points, tickMs } = asked;
  const toMs = Math.min(asked.toMs, nowMs);
  const everyMs = Math.max(1, Math.ceil((toMs - fromMs) / points / tickMs)) * tickMs;
  return { fromMs: Math.floor(fromMs / everyMs) * everyMs, toMs, everyMs };
}

/** Where no time series is: the market is generated, so that each price can be had again. */
export function computedHistory(tickMs: number): PriceHistory {
  return {
    source: "computed",
    record: async () => undefined,
    pricesOf: async (instrument, { fromMs, toMs, everyMs }) => {
      const points: PricePoint[] = [];
      for (let at = fromMs; at < toMs; at += everyMs) {
        // The last tick before the interval ends, or before the span does.
        const tick = Math.ceil(Math.min(at + everyMs, toMs) / tickMs) - 1;
        points.push({ at: new Date(at).toISOString(), price: livePrice(instrument, tick) });
      }
      return points;
    },
  };
}
