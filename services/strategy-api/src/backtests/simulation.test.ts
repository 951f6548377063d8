import { describe, expect, it } from "vitest";
import { simulate } from "./simulation.ts";

const NO_LIMITS = { maxPositionPercent: 100, stopLossPercent: null, maxDrawdownPercent: null };

function closesOf(...prices: number[]) {
  return prices.map((close, index) => ({ date: `2024-01-${String(index + 1).padStart(2, "0")}`, close }));
}

function run(prices: number[], signals: boolean[], content: object = {}) {
  return simulate({
    closes: closesOf(...prices),
    signals,
    initialCapital: 1000,
    feeBasisPoints: 0,
    limits: NO_LIMITS,
    ...content,
  });
}

const ON = true;
const OFF = false;

describe("simulation", () => {
  it("fills a signal at the close of the next day", () => {
    const { trades, equity } = run([10, 20, 30, 40], [ON, ON, OFF, OFF]);
    expect(trades).toEqual([
      {
        entryDate: "2024-01-02",
        entryPrice: 20,
        exitDate: "2024-01-04",
        exitPrice: 40,
        quantity: 50,
        profit: 1000,
        reason: "signal",
      },
    ]);
    expect(equity.map((point) => point.equity)).toEqual([1000, 1000, 1500, 2000]);
  });

  it("pays the fee twice for a round trip", () => {
    const { equity } = run([10, 10, 10], [ON, OFF, OFF], { feeBasisPoints: 100 });
    expect(equity.at(-1)?.equity).toBeCloseTo((1000 / 1.01) * 0.99, 1);
  });

  it("holds no more than the allowed share", () => {
    const { equity } = run([10, 10, 20], [ON, ON, ON], { limits: { ...NO_LIMITS, maxPositionPercent: 25 } });
    expect(equity.at(-1)?.equity).toBe(1250);
  });

  it("stops a loss at the close and does not buy back before the signal was off", () => {
    const { trades } = run([10, 10, 8, 8, 8, 8, 8], [ON, ON, ON, OFF, ON, ON, ON], {
      limits: { ...NO_LIMITS, stopLossPercent: 10 },
    });
    expect(trades.map((trade) => [trade.entryDate, trade.reason])).toEqual([
      ["2024-01-02", "stop_loss"],
      ["2024-01-06", "end_of_data"],
    ]);
  });

  it("ends all trading once the drawdown limit is reached", () => {
    const signals = [ON, ON, OFF, ON, ON];
    const halted = run([10, 10, 7, 7, 14], signals, { limits: { ...NO_LIMITS, maxDrawdownPercent: 25 } });
    expect(halted.haltedOn).toBe("2024-01-03");
    expect(halted.trades).toHaveLength(1);
    expect(halted.equity.at(-1)?.equity).toBe(700);
    expect(run([10, 10, 7, 7, 14], signals).haltedOn).toBeNull();
  });
});
