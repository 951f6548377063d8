import type { Instrument } from "./instruments.ts";
import { hash32, normalOf, normalSource } from "./random.ts";

export type DailyClose = { readonly date: string; readonly close: number };

const DAY_MS = 86_400_000;
const PRICE_DECIMALS = 4;

/** Closing prices of `days` weekdays from `startDate` (ISO date). Equal arguments give equal prices. */
export function dailyCloses(
  instrument: Instrument,
  seed: number,
  startDate: string,
  days: number,
): DailyClose[] {
  const normal = normalSource(hash32(`daily:${seed}:${instrument.symbol}`));
  const closes: DailyClose[] = [];
  let logPrice = Math.log(instrument.basePrice);
  for (let at = Date.parse(`${startDate}T00:00:00Z`); closes.length < days; at += DAY_MS) {
    const weekday = new Date(at).getUTCDay();
    if (weekday === 0 || weekday === 6) continue;
    closes.push({ date: new Date(at).toISOString().slice(0, 10), close: roundPrice(Math.exp(logPrice)) });
    logPrice += instrument.dailyDrift + instrument.dailyVolatility * normal();
  }
  return closes;
}

/** The live walk starts again from the base price after this many ticks, which keeps it near that price for ever. */
const TICKS_PER_CYCLE = 2 ** 17;
const TICK_VOLATILITY_SHARE = 1 / 40;

/**
 * The live price at a tick. A random walk whose every point can be computed alone: a Brownian bridge over one cycle,
 * halved towards the tick (Lévy's construction). So any process, at any time, agrees on the price of a tick.
 */
export function livePrice(instrument: Instrument, tick: number): number {
  const cycle = Math.floor(tick / TICKS_PER_CYCLE);
  const target = tick - cycle * TICKS_PER_CYCLE;
  let left = 0;
  let right = TICKS_PER_CYCLE;
  let leftLevel = 0;
  let rightLevel = 0;
  while (left !== target) {
    const middle = (left + right) / 2;
    const spread = Math.sqrt((right - left) / 4);
    const level =
      (leftLevel + rightLevel) / 2 + spread * normalOf(`live:${instrument.symbol}:${cycle}:${middle}`);
    if (target < middle) {
      right = middle;
      rightLevel = level;
    } else {
      left = middle;
      leftLevel = level;
    }
  }
  const volatility = instrument.dailyVolatility * TICK_VOLATILITY_SHARE;
  return roundPrice(instrument.basePrice * Math.exp(volatility * leftLevel));
}

function roundPrice(price: number): number {
  return Number(price.toFixed(PRICE_DECIMALS));
}
