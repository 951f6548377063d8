import { describe, expect, it } from "vitest";
import { movingAverage, relativeStrength, signals } from "./signals.ts";

describe("signals", () => {
  it("cross holds while the fast average is above the slow one", () => {
    const closes = [10, 10, 10, 12, 14, 13, 9, 7];
    // Averages of 2 and 3 days by hand: 10/10, 11/10.67, 13/12, 13.5/13, 11/12, 8/9.67.
    expect(signals("sma-cross", { fastDays: 2, slowDays: 3 }, closes)).toEqual([
      false,
      false,
      false,
      true,
      true,
      true,
      false,
      false,
    ]);
  });

  it("momentum compares with the close of the look-back day and is silent before there is one", () => {
    expect(
      signals("momentum", { lookbackDays: 2, thresholdPercent: 10 }, [100, 100, 111, 105, 122.2]),
    ).toEqual([false, false, true, false, true]);
  });

  it("reversion buys below the low mark and keeps until above the high one", () => {
    const closes = [10, 9, 8, 7, 8, 9, 10, 11];
    // Two-day strengths by Wilder: -, -, 0, 0, 50, 75, 87.5, 93.75.
    const holds = signals("rsi-reversion", { periodDays: 2, buyBelow: 30, sellAbove: 80 }, closes);
    expect(holds).toEqual([false, false, true, true, true, true, false, false]);
  });

  it("never looks ahead: later prices do not change earlier signals", () => {
    const closes = Array.from({ length: 80 }, (_, day) => 100 + 20 * Math.sin(day / 7));
    const cases = [
      ["sma-cross", { fastDays: 3, slowDays: 12 }],
      ["rsi-reversion", { periodDays: 5, buyBelow: 30, sellAbove: 70 }],
      ["momentum", { lookbackDays: 10, thresholdPercent: 1 }],
    ] as const;
    for (const [algorithm, parameters] of cases) {
      const whole = signals(algorithm, parameters, closes);
      expect(whole).toContain(true);
      expect(signals(algorithm, parameters, closes.slice(0, 50))).toEqual(whole.slice(0, 50));
    }
  });
});

describe("indicators", () => {
  it("average is undefined until there are enough days", () => {
    expect(movingAverage([1, 2, 3, 4], 2)).toEqual([undefined, 1.5, 2.5, 3.5]);
  });

  it("strength is 100 for only gains, 0 for only losses, 50 for no movement", () => {
    expect(relativeStrength([1, 2, 3], 2).at(-1)).toBeCloseTo(100);
    expect(relativeStrength([3, 2, 1], 2).at(-1)).toBeCloseTo(0);
    expect(relativeStrength([2, 2, 2], 2).at(-1)).toBe(50);
  });
});
