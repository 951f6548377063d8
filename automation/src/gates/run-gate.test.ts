import { expect, test } from "vitest";
import type { Clock } from "../clock.ts";
import { systemClock } from "../clock.ts";
import type { Look } from "./look.ts";
import { cannotStart } from "./look.ts";
import { runGate } from "./run-gate.ts";
import type { Timing } from "./timing.ts";

const GATE = { name: "health" };
const BAKE: Timing = { kind: "bake", warmUpSeconds: 0, intervalSeconds: 0.02, bakeSeconds: 0.2 };
const never = new AbortController().signal;
const passes: Look = { verdict: "pass", detail: "fine", value: 1 };
const looks = (list: readonly Look[]) => {
  const left = [...list];
  return () => Promise.resolve(left.length > 1 ? (left.shift() ?? passes) : (left[0] ?? passes));
};

test("a gate that bakes is measured until its bake is over, and passes only then", async () => {
  const startedAt = performance.now();
  const { verdict, measurements, measured } = await runGate(GATE, BAKE, looks([passes]), systemClock, never);
  expect(verdict).toBe("pass");
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(195);
  expect(measured).toBe(measurements.length);
  expect(measured).toBeGreaterThanOrEqual(3);
  expect(measurements.every(({ afterSeconds }) => afterSeconds < 0.2)).toBe(true);
});

test("a bake that is ended early never passes, however well it went", async () => {
  const stop = new AbortController();
  const ended = runGate(GATE, { ...BAKE, bakeSeconds: 30 }, looks([passes]), systemClock, stop.signal);
  setTimeout(() => stop.abort(), 150);
  const { verdict, detail, measured } = await ended;
  expect(measured).toBeGreaterThanOrEqual(3);
  expect([verdict, detail]).toEqual([
    "inconclusive",
    `ended early, after ${measured} measurements: the gate health was stopped`,
  ]);
});

test("three fails in a row end it before its bake is over", async () => {
  const fails: Look = { verdict: "fail", detail: "500", value: null };
  const { verdict, measured } = await runGate(
    GATE,
    { ...BAKE, bakeSeconds: 30 },
    looks([passes, fails]),
    systemClock,
    never,
  );
  expect([verdict, measured]).toEqual(["fail", 4]);
});

test("one that flaps bakes half as long again", async () => {
  const fails: Look = { verdict: "fail", detail: "500", value: null };
  const list = [passes, fails, passes, fails, passes];
  const bake: Timing = { ...BAKE, intervalSeconds: 0.1, bakeSeconds: 0.85 };
  const startedAt = performance.now();
  const { verdict, detail } = await runGate(GATE, bake, looks(list), systemClock, never);
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(1270);
  expect(verdict, detail).toBe("inconclusive");
  expect(detail).toContain("changed between pass and fail 4 times, so that its bake was extended to 1.3 s");
});

test("what can never be measured is an error at once, not after five tries", async () => {
  const { verdict, detail, measured } = await runGate(
    GATE,
    BAKE,
    looks([cannotStart("no output")]),
    systemClock,
    never,
  );
  expect([verdict, detail, measured]).toEqual(["error", "the gate health cannot be measured: no output", 1]);
});

test("nothing is measured before it can be about what the update left", async () => {
  const notBefore = Date.now() + 150;
  const { measurements } = await runGate(GATE, BAKE, looks([passes]), systemClock, never, notBefore);
  expect(Date.parse(measurements[0]?.at ?? "")).toBeGreaterThanOrEqual(notBefore - 2);
});

test("of very many measurements the first and the last are kept, and all are counted; long output keeps its end", async () => {
  let now = 0;
  const clock: Clock = { now: () => new Date(now), monotonicMs: () => now };
  const look = (): Promise<Look> => {
    now += 10;
    return Promise.resolve({ ...passes, value: now / 10, output: `${"x".repeat(70_000)}end` });
  };
  const bake: Timing = { kind: "bake", warmUpSeconds: 0, intervalSeconds: 0.01, bakeSeconds: 50 };
  const { measurements, measured, output } = await runGate(GATE, bake, look, clock, never);
  expect(measured).toBe(5000);
  expect(measurements).toHaveLength(2000);
  expect([
    measurements[0]?.value,
    measurements[499]?.value,
    measurements[500]?.value,
    measurements.at(-1)?.value,
  ]).toEqual([1, 500, 3501, 5000]);
  expect(output?.length).toBeLessThan(66_000);
  expect(output?.endsWith("xend")).toBe(true);
});
