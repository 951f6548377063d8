import { describe, expect, it } from "vitest";
import { INSTRUMENTS } from "./instruments.ts";
import { dailyCloses, livePrice } from "./prices.ts";

const [instrument] = INSTRUMENTS;
if (instrument === undefined) throw new Error("there are no instruments");

describe("daily closes", () => {
  it("skip weekends and begin on the first weekday", () => {
    // 6 January 2024 was a Saturday.
    const dates = dailyCloses(instrument, 1, "2024-01-06", 6).map((day) => day.date);
    expect(dates).toEqual([
      "2024-01-08",
      "2024-01-09",
      "2024-01-10",
      "2024-01-11",
      "2024-01-12",
      "2024-01-15",
    ]);
  });

  it("are a prefix of a longer series of the same seed, and differ by seed and instrument", () => {
    const long = dailyCloses(instrument, 1, "2024-01-01", 300);
    expect(dailyCloses(instrument, 1, "2024-01-01", 100)).toEqual(long.slice(0, 100));
    expect(dailyCloses(instrument, 2, "2024-01-01", 300)).not.toEqual(long);
    const other = INSTRUMENTS.map((one) => dailyCloses(one, 1, "2024-01-01", 50).at(-1)?.close);
    expect(new Set(other).size).toBe(INSTRUMENTS.length);
  });

  it("move as much as the instrument's volatility says", () => {
    const closes = dailyCloses(instrument, 3, "2000-01-03", 2500).map((day) => day.close);
    const returns = closes.slice(1).map((close, index) => Math.log(close / (closes[index] ?? close)));
    const mean = returns.reduce((sum, value) => sum + value, 0) / returns.length;
    const deviation = Math.sqrt(
      returns.reduce((sum, value) => sum + (value - mean) ** 2, 0) / returns.length,
    );
    expect(deviation / instrument.dailyVolatility).toBeGreaterThan(0.93);
    expect(deviation / instrument.dailyVolatility).toBeLessThan(1.07);
  });
});

describe("live prices", () => {
  it("are a walk: steps are small and of even size, and the level wanders", () => {
    const start = 3_400_000_000;
    const prices = Array.from({ length: 2000 }, (_, offset) => livePrice(instrument, start + offset));
    const steps = prices.slice(1).map((price, index) => Math.abs(Math.log(price / (prices[index] ?? price))));
    const step = instrument.dailyVolatility / 40;
    expect(Math.max(...steps)).toBeLessThan(step * 6);
    expect(steps.reduce((sum, value) => sum + value, 0) / steps.length).toBeGreaterThan(step / 2);
    expect(new Set(prices).size).toBeGreaterThan(100);
  });

  it("stay within reach of the base price at any time", () => {
    for (let tick = 0; tick < 2e9; tick += 12_345_678) {
      const ratio = livePrice(instrument, tick) / instrument.basePrice;
      expect(ratio).toBeGreaterThan(0.6);
      expect(ratio).toBeLessThan(1.7);
    }
  });
});
