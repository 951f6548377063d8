import { expect, test } from "vitest";
import { unitsToRemove } from "./rules.ts";

const DAY_MS = 86_400_000;
const NOW = 100 * DAY_MS;
const unit = (id: string, ageDays: number, bytes: number) => ({ id, at: NOW - ageDays * DAY_MS, bytes });
const units = [unit("new", 1, 10), unit("old", 40, 20), unit("older", 50, 30)];
const ids = (limits: { maxAgeDays: number | null; maxBytes: number | null }, keptBytes = 0): string[] =>
  unitsToRemove(units, limits, NOW, keptBytes).map(({ id }) => id);

test("what is too old goes, and the oldest of what is too large", () => {
  expect(ids({ maxAgeDays: null, maxBytes: null })).toEqual([]);
  expect(ids({ maxAgeDays: 30, maxBytes: null })).toEqual(["older", "old"]);
  expect(ids({ maxAgeDays: 40, maxBytes: null })).toEqual(["older"]);
  expect(ids({ maxAgeDays: null, maxBytes: 60 })).toEqual([]);
  expect(ids({ maxAgeDays: null, maxBytes: 59 })).toEqual(["older"]);
  expect(ids({ maxAgeDays: null, maxBytes: 29 })).toEqual(["older", "old"]);
  expect(ids({ maxAgeDays: 30, maxBytes: 5 })).toEqual(["older", "old", "new"]);
});

test("what is needed counts towards the size", () => {
  expect(ids({ maxAgeDays: null, maxBytes: 100 }, 41)).toEqual(["older"]);
});
