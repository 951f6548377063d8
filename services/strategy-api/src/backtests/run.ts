import { createHash } from "node:crypto";
import type { Instrument } from "../market-data/instruments.ts";
import { dailyCloses } from "../market-data/prices.ts";
import type { RiskLimits } from "../risk-profiles/store.ts";
import type { Parameters } from "../strategies/rules.ts";
import type { Algorithm } from "../templates/store.ts";
import { type Metrics, measure } from "./metrics.ts";
import { signals } from "./signals.ts";
import { type EquityPoint, simulate, type Trade } from "./simulation.ts";

export type BacktestRequest = {
  readonly algorithm: Algorithm;
  readonly parameters: Parameters;
  readonly instrument: Instrument;
  readonly limits: RiskLimits;
  readonly startDate: string;
  readonly days: number;
  readonly initialCapital: number;
  readonly feeBasisPoints: number;
  readonly seed: number;
};

export type BacktestResult = {
  readonly metrics: Metrics;
  readonly equity: readonly EquityPoint[];
  readonly trades: readonly Trade[];
  /** SHA-256 over metrics, equity and trades: equal for equal requests, on any machine. */
  readonly resultDigest: string;
};

/** Runs a strategy over generated prices. Pure: the seed decides the market. */
export function runBacktest(request: BacktestRequest): BacktestResult {
  const closes = dailyCloses(request.instrument, request.seed, request.startDate, request.days);
  const { equity, trades, haltedOn } = simulate({
    closes,
    signals: signals(
      request.algorithm,
      request.parameters,
      closes.map((day) => day.close),
    ),
    initialCapital: request.initialCapital,
    feeBasisPoints: request.feeBasisPoints,
    limits: request.limits,
  });
  const metrics = measure({ equity, trades, haltedOn }, request.initialCapital);
  const resultDigest = createHash("sha256")
    .update(JSON.stringify([metrics, equity, trades]))
    .digest("hex");
  return { metrics, equity, trades, resultDigest };
}
