import type { DailyClose } from "../market-data/prices.ts";
import type { RiskLimits } from "../risk-profiles/store.ts";

export type EquityPoint = { readonly date: string; readonly equity: number; readonly close: number };
export type ExitReason = "signal" | "stop_loss" | "max_drawdown" | "end_of_data";
/** One round trip. `profit` is in currency, after fees. */
export type Trade = {
  readonly entryDate: string;
  readonly entryPrice: number;
  readonly exitDate: string;
  readonly exitPrice: number;
  readonly quantity: number;
  readonly profit: number;
  readonly reason: ExitReason;
};
export type Simulation = {
  readonly equity: readonly EquityPoint[];
  readonly trades: readonly Trade[];
  /** The day on which the drawdown limit ended all trading, or null. */
  readonly haltedOn: string | null;
};

type Holding = {
  readonly date: string;
  readonly price: number;
  readonly quantity: number;
  readonly cost: number;
};

/**
 * Trades one instrument, long only. A signal of one day is filled at the next day's close, so that no decision uses a
 * price that it could not have known. Stop loss and drawdown limits are watched at each close and filled there. After a
 * stop loss the strategy waits until its signal has been off once, else it would buy back on the next day.
 */
export function simulate(options: {
  readonly closes: readonly DailyClose[];
  readonly signals: readonly boolean[];
  readonly initialCapital: number;
  readonly feeBasisPoints: number;
  readonly limits: RiskLimits;
}): Simulation {
  const { closes, signals, limits } = options;
  const feeRate = options.feeBasisPoints / 10_000;
  const equity: EquityPoint[] = [];
  const trades: Trade[] = [];
  let cash = options.initialCapital;
  let peak = options.initialCapital;
  let holding: Holding | undefined;
  let mustReset = false;
  let haltedOn: string | null = null;

  const sell = (held: Holding, date: string, price: number, reason: ExitReason) => {
    const proceeds = held.quantity * price * (1 - feeRate);
    cash += proceeds;
    trades.push({
      entryDate: held.date,
      entryPrice: held.price,
      exitDate: date,
      exitPrice: price,
      quantity: round(held.quantity, 6),
      profit: round(proceeds - held.cost, 2),
      reason,
    });
    holding = undefined;
  };

  closes.forEach(({ date, close }, index) => {
    const wants = signals[index - 1] ?? false;
    if (!wants) mustReset = false;
    if (holding !== undefined && !wants) sell(holding, date, close, "signal");
    if (holding === undefined && wants && !mustReset && haltedOn === null) {
      const budget = cash * (limits.maxPositionPercent / 100);
      const quantity = budget / (close * (1 + feeRate));
      cash -= budget;
      holding = { date, price: close, quantity, cost: budget };
    }
    if (holding !== undefined && limits.stopLossPercent !== null) {
      if (close <= holding.price * (1 - limits.stopLossPercent / 100)) {
        sell(holding, date, close, "stop_loss");
        mustReset = true;
      }
    }
    const worth = cash + (holding === undefined ? 0 : holding.quantity * close);
    peak = Math.max(peak, worth);
    if (haltedOn === null && limits.maxDrawdownPercent !== null) {
      if (worth <= peak * (1 - limits.maxDrawdownPercent / 100)) {
        haltedOn = date;
        if (holding !== undefined) sell(holding, date, close, "max_drawdown");
      }
    }
    if (holding !== undefined && index === closes.length - 1) sell(holding, date, close, "end_of_data");
    equity.push({
      date,
      equity: round(cash + (holding === undefined ? 0 : holding.quantity * close), 2),
      close,
    });
  });
  return { equity, trades, haltedOn };
}

function round(value: number, decimals: number): number {
  return Number(value.toFixed(decimals));
}
