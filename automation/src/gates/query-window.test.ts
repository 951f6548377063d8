import { expect, test } from "vitest";
import { MetricCheck } from "../contract/gates.ts";
import { metricNotBefore, rangeSeconds, windowSeconds } from "./query-window.ts";

test.each([
  ["up", 0],
  ["rate(errors[1m])", 60],
  ["sum(rate(a[5m])) / sum(rate(b[1h30m]))", 5400],
  ["max_over_time(rate(a[1m])[10m:30s])", 660],
  ['a{path="[5m]"}', 0],
  ["rate(a[1m]) # [1d]", 60],
])("%s looks back %i s", (query, seconds) => {
  expect(rangeSeconds(query)).toBe(seconds);
});

const check = (query: string) =>
  MetricCheck.parse({ url: "http://x", query, failIf: "> 1", scrapeDelaySeconds: 20 });

test("a query is first asked when its range lies wholly after the update and its first sample", () => {
  expect(metricNotBefore(check("rate(a[2m])"), 15, 1_000_000)).toBe(1_000_000 + 140_000);
  expect(metricNotBefore(check("a"), 15, 1_000_000)).toBe(1_000_000 + 35_000);
});

test("the window is the time since the first sample after the update", () => {
  expect(windowSeconds(check("rate(a[{{ window }}])"), 1_000_000, 1_090_000)).toBe(70);
  expect(windowSeconds(check("rate(a[{{ window }}])"), 1_000_000, 1_000_000)).toBe(1);
  expect(windowSeconds(check("rate(a[{{ window }}])"), null, 1_000_000)).toBe(20);
});
