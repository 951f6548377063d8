import type { Simulation } from "./simulation.ts";

const TRADING_DAYS_PER_YEAR = 252;

/** Fractions are of 1 (0.05 is five per cent). Ratios that have no meaning for a run are null. */
export type Metrics = {
  readonly finalEquity: number;
  readonly totalReturn: number;
  readonly maxDrawdown: number;
  readonly sharpe: number | null;
  readonly trades: number;
  readonly winRate: number | null;
  readonly haltedOn: string | null;
};

/** Sums a simulation up. Sharpe is annualised from daily returns with a riskless rate of zero. */
export function measure(simulation: Simulation, initialCapital: number): Metrics {
  const worths = simulation.equity.map((point) => point.equity);
  const finalEquity = worths.at(-1) ?? initialCapital;
  const wins = simulation.trades.filter((trade) => trade.profit > 0).length;
  return {
    finalEquity,
    totalReturn: round(finalEquity / initialCapital - 1),
    maxDrawdown: round(maxDrawdown([initialCapital, ...worths])),
    sharpe: sharpe(worths),
    trades: simulation.trades.length,
    winRate: simulation.trades.length === 0 ? null : round(wins / simulation.trades.length),
    haltedOn: simulation.haltedOn,
  };
}

/** The deepest fall from an earlier high, as a fraction of that high. */
export function maxDrawdown(worths: readonly number[]): number {
  let peak = 0;
  let deepest = 0;
  for (const worth of worths) {
    peak = Math.max(peak, worth);
    if (peak > 0) deepest = Math.max(deepest, 1 - worth / peak);
  }
  return deepest;
}

/** Annualised Sharpe ratio, or null when there are too few days or they never vary. */
export function sharpe(worths: readonly number[]): number | null {
  const returns = worths.slice(1).map((worth, index) => worth / (worths[index] ?? worth) - 1);
  if (returns.length < 2) return null;
  const mean = returns.reduce((sum, value) => sum + value, 0) / returns.length;
  const variance = returns.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (returns.length - 1);
  return variance === 0 ? null : round((mean / Math.sqrt(variance)) * Math.sqrt(TRADING_DAYS_PER_YEAR));
}

function round(value: number): number {
  return Number(value.toFixed(6));
}
