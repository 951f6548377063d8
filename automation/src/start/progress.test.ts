import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createProgress, elapsed } from "./progress.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function watch(isTerminal: boolean) {
  let written = "";
  const clock = { now: () => new Date(), monotonicMs: () => performance.now() };
  const write = (text: string) => {
    written += text;
  };
  return { progress: createProgress({ write, isTerminal, columns: 60 }, clock), written: () => written };
}
const after = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

test("a pipe gets a line when a step is done, and a long step says every ten seconds that it goes on", async () => {
  const { progress, written } = watch(false);
  const step = progress.step("Pulumi CLI", async (note) => {
    note("compiling");
    await after(25_000);
  });
  await vi.advanceTimersByTimeAsync(26_000);
  await step;
  expect(
    written()
      .trim()
      .split("\n")
      .map((line) => line.trim()),
  ).toEqual([
    "...     Pulumi CLI: compiling (10 s so far)",
    "...     Pulumi CLI: compiling (20 s so far)",
    "done    Pulumi CLI (25 s)",
  ]);
});

test("a terminal gets one line that is repainted and never longer than it is wide", async () => {
  const { progress, written } = watch(true);
  const steps = [
    progress.step("database", () => after(2_000)),
    progress.step("a step with a very long title that does not fit", () => after(3_000)),
  ];
  await vi.advanceTimersByTimeAsync(1_000);
  const painted = written().split("\r\x1b[K").at(-1) ?? "";
  expect(painted).toContain("database 1.0 s | a step");
  expect(painted.length).toBeLessThan(60);
  await vi.advanceTimersByTimeAsync(3_000);
  await Promise.all(steps);
  expect(written()).toMatch(/done {4}database \(2\.0 s\)\n/);
  expect(vi.getTimerCount()).toBe(0);
});

test("a failed step is told and its error passed on", async () => {
  const { progress, written } = watch(false);
  await expect(progress.step("schema", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(written()).toContain("failed  schema");
  expect(vi.getTimerCount()).toBe(0);
});

test("elapsed times read as people say them", () => {
  expect([400, 9_940, 12_345, 125_000].map(elapsed)).toEqual(["0.4 s", "9.9 s", "12 s", "2 min 05 s"]);
});
