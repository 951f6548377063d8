import { expect, test } from "vitest";
import { Progress } from "./progress.ts";

test("a loop moves as long as it comes through in time, and again when it has caught up", () => {
  let now = 0;
  const progress = new Progress(() => now);
  const passed = progress.watch("updates", 30_000);
  const moving = (): boolean[] => progress.all().map(({ isMoving }) => isMoving);
  now = 30_000;
  expect(moving()).toEqual([true]);
  now = 30_001;
  expect(moving()).toEqual([false]);
  passed();
  expect(progress.all()).toEqual([{ name: "updates", ageMs: 0, isMoving: true }]);
});

test("a loop that never came through counts from when it began", () => {
  let now = 5;
  const progress = new Progress(() => now);
  progress.watch("schedules", 10);
  now = 16;
  expect(progress.all()).toEqual([{ name: "schedules", ageMs: 11, isMoving: false }]);
});
