import { describe, expect, it } from "vitest";
import { maxDrawdown, measure, sharpe } from "./metrics.ts";

describe("metrics", () => {
  it("drawdown is the deepest fall from an earlier high", () => {
    expect(maxDrawdown([100, 120, 90, 130, 117])).toBeCloseTo(0.25);
    expect(maxDrawdown([1, 2, 3])).toBe(0);
  });

  it("sharpe annualises mean over deviation of daily returns", () => {
    // Returns 10 %, -10 %, 10 %: mean 0.0333, deviation 0.11547, times the root of 252.
    expect(sharpe([100, 110, 99, 108.9])).toBeCloseTo(4.5826, 3);
  });

  it("has no sharpe without variation and no win rate without trades", () => {
    const equity = [1000, 1000, 1000].map((value, day) => ({
      date: `2024-01-0${day + 1}`,
      equity: value,
      close: 1,
    }));
    expect(measure({ equity, trades: [], haltedOn: null }, 1000)).toEqual({
      finalEquity: 1000,
      totalReturn: 0,
      maxDrawdown: 0,
      sharpe: null,
      trades: 0,
      winRate: null,
      haltedOn: null,
    });
  });

  it("counts a fall from the initial capital on the first day", () => {
    const equity = [{ date: "2024-01-01", equity: 900, close: 1 }];
    expect(measure({ equity, trades: [], haltedOn: null }, 1000).maxDrawdown).toBeCloseTo(0.1);
  });
});
