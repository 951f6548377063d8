import { expect, it } from "vitest";
import { INSTRUMENTS } from "../market-data/instruments.ts";
import { type BacktestRequest, runBacktest } from "./run.ts";

const [instrument] = INSTRUMENTS;
if (instrument === undefined) throw new Error("there are no instruments");
const REQUEST: BacktestRequest = {
  algorithm: "sma-cross",
  parameters: { fastDays: 10, slowDays: 40 },
  instrument,
  limits: { maxPositionPercent: 80, stopLossPercent: 8, maxDrawdownPercent: 30 },
  startDate: "2024-01-01",
  days: 504,
  initialCapital: 100_000,
  feeBasisPoints: 10,
  seed: 1,
};

it("a backtest has the same digest on every machine and in every version", () => {
  const result = runBacktest(REQUEST);
  expect(result.resultDigest).toBe("fca88b0ab5bbf508ff653c02c8a7b6128989b994d7faa197c4c0ab84e63d36fb");
  expect(result.equity).toHaveLength(504);
  expect(result.trades.length).toBeGreaterThan(2);
});

it("every input that should matter changes the digest", () => {
  const digest = runBacktest(REQUEST).resultDigest;
  const changes: Partial<BacktestRequest>[] = [
    { seed: 2 },
    { startDate: "2024-02-01" },
    { days: 505 },
    { initialCapital: 100_001 },
    { feeBasisPoints: 11 },
    { algorithm: "momentum", parameters: { lookbackDays: 60, thresholdPercent: 2 } },
    { limits: { ...REQUEST.limits, maxPositionPercent: 79 } },
  ];
  for (const change of changes) {
    expect(runBacktest({ ...REQUEST, ...change }).resultDigest, JSON.stringify(change)).not.toBe(digest);
  }
});
