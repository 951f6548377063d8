import { expect, test } from "vitest";
import { expectedStart } from "./queue-forecast.ts";

const facts = { now: 1_000, isWorkerFree: true, running: undefined, usualMsOfThoseBefore: [] };

test("the first of a free stack starts now when a worker is free, and nobody knows when none is", () => {
  expect(expectedStart({ reason: "next" }, facts)).toBe(1_000);
  expect(expectedStart({ reason: "next" }, { ...facts, isWorkerFree: false })).toBeNull();
});

test("one that waits for what runs starts when that has taken its usual time", () => {
  const running = { startedAt: 400, usualMs: 900 };
  expect(expectedStart({ reason: "stack-busy" }, { ...facts, running })).toBe(1_300);
});

test("what takes longer than usual is taken to end now", () => {
  const running = { startedAt: 0, usualMs: 10 };
  expect(expectedStart({ reason: "stack-busy" }, { ...facts, running })).toBe(1_000);
});

test("one further back waits for all before it", () => {
  const running = { startedAt: 400, usualMs: 900 };
  const all = { ...facts, running, usualMsOfThoseBefore: [50, 70] };
  expect(expectedStart({ reason: "behind" }, all)).toBe(1_420);
});

test.each([
  ["a run of the Pulumi CLI", "stack-busy", { running: null }],
  ["a first run", "stack-busy", { running: { startedAt: 0, usualMs: null } }],
  ["one before it of unknown length", "behind", { usualMsOfThoseBefore: [5, null] }],
  ["a pause", "paused", {}],
  ["a limit", "limit", {}],
] as const)("nobody knows the end of %s", (_, reason, over) => {
  expect(expectedStart({ reason }, { ...facts, ...over })).toBeNull();
});
