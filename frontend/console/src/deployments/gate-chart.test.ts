import type { GateVerdict, Measurement } from "@slipway/automation/contract";
import { expect, test } from "vitest";
import { gateChart } from "./gate-chart.ts";

const at = (afterSeconds: number, value: number | null, verdict: GateVerdict = "pass"): Measurement => ({
  at: "2026-01-01T00:00:00.000Z",
  afterSeconds,
  verdict,
  detail: "",
  value,
});
const LIMIT = [{ means: "fail" as const, operator: ">" as const, value: 10 }];

test("values above a threshold lie above its line, values below it below", () => {
  const chart = gateChart({
    measurements: [at(0, 1), at(10, 20, "fail")],
    thresholds: LIMIT,
    unit: "ms",
  });
  const [low, high] = chart?.points ?? [];
  const line = chart?.thresholds[0]?.y ?? Number.NaN;
  expect(low?.y).toBeGreaterThan(line);
  expect(high?.y).toBeLessThan(line);
  expect(high?.label).toBe("20 ms after 10 s: fail");
  expect(chart?.thresholds[0]?.label).toBe("fails if > 10 ms");
});

test("what was not measured is a gap", () => {
  const chart = gateChart({ measurements: [at(0, 1), at(1, null), at(2, 1)], thresholds: [], unit: null });
  expect(chart?.path.match(/M/g)).toHaveLength(2);
  expect(chart?.points).toHaveLength(2);
});

test("equal values are a line in the middle, and one value alone is no chart", () => {
  const chart = gateChart({ measurements: [at(0, 5), at(1, 5)], thresholds: [], unit: null });
  expect(chart?.points.map(({ y }) => y)).toEqual([70, 70]);
  expect(gateChart({ measurements: [at(0, 5)], thresholds: LIMIT, unit: null })).toBeNull();
});
