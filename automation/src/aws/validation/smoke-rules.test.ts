import { expect, test } from "vitest";
import {
  isRemovable,
  judgeAudit,
  judgeFromTemplate,
  judgeMade,
  judgeRemovals,
  judgeStored,
  judgeTicks,
  markOf,
} from "./smoke-rules.ts";

const NOW = new Date("2026-11-21T12:00:00Z");
const answer = (status: number, value: unknown) => ({
  status,
  headers: {},
  text: typeof value === "string" ? value : JSON.stringify(value),
  latencyMs: 3,
  certificate: null,
});

test("a run removes what is its own and what is older than an hour, and nothing of people's", () => {
  const own = markOf(NOW, "0a1b2c3d");
  const ago = (minutes: number) => markOf(new Date(NOW.getTime() - minutes * 60_000), "ffffffff");
  expect(isRemovable(own, own, NOW)).toBe(true);
  expect(isRemovable(ago(61), own, NOW)).toBe(true);
  // Another validation may be in the middle of its steps.
  expect(isRemovable(ago(5), own, NOW)).toBe(false);
  for (const name of ["smoke", "smoke-alarm", "smoke-0-strategy", "Smoke test of March", ""])
    expect(isRemovable(name, own, NOW)).toBe(false);
});

test.each([
  [answer(201, { id: "t1" }), "passed", "t1"],
  [answer(200, { id: "t1" }), "failed", null],
  [answer(422, { detail: "no" }), "failed", null],
  [answer(201, {}), "failed", null],
  [answer(201, "<html>"), "failed", null],
])("the answer %j to what was to be made is %s", (given, state, id) => {
  expect(judgeMade("it", given)).toMatchObject({ verdict: { state }, id });
});

test.each([
  [{ templateId: "t1", parameters: { fastDays: 7, slowDays: 40 } }, "passed"],
  [{ templateId: "t2", parameters: { fastDays: 7 } }, "failed"],
  [{ templateId: "t1", parameters: { fastDays: 10 } }, "failed"],
  [{ templateId: "t1", parameters: {} }, "failed"],
  [{}, "failed"],
])("the strategy %j made from t1 is %s", (strategy, state) => {
  expect(judgeFromTemplate(answer(201, strategy), { id: "t1", defaults: { fastDays: 7 } }).state).toBe(state);
});

test.each([
  [answer(200, { name: "a", stopLossPercent: 5 }), "passed"],
  [answer(200, { name: "a", stopLossPercent: 4 }), "failed"],
  [answer(200, { name: "a" }), "failed"],
  [answer(404, {}), "failed"],
  [answer(200, "null"), "failed"],
])("what reads back as %j is %s", (given, state) => {
  expect(judgeStored(given, { name: "a", stopLossPercent: 5 }).state).toBe(state);
});

const ticks = (...prices: number[]) =>
  answer(200, { items: prices.map((price) => ({ quotes: [{ price }] })), next: "1", pollAfterMs: 1 });
test.each([
  [ticks(10), ticks(11), "passed"],
  [ticks(), ticks(11), "failed"],
  [ticks(10), ticks(), "failed"],
  [ticks(10), ticks(0), "failed"],
  [ticks(10), answer(500, ""), "failed"],
  [answer(200, "{}"), answer(200, "{}"), "failed"],
])("prices %j and then %j are %s", (first, later, state) => {
  expect(judgeTicks(first, later).state).toBe(state);
});

test.each([
  [{ items: [{ action: "strategy.created", subjectId: "s1" }] }, "passed"],
  [{ items: [{ action: "strategy.changed", subjectId: "s1" }] }, "failed"],
  [{ items: [{ action: "strategy.created", subjectId: "s2" }] }, "failed"],
  [{ items: [] }, "failed"],
  [{}, "failed"],
])("an audit that says %j is %s", (audit, state) => {
  expect(judgeAudit(answer(200, audit), "strategy.created", "s1").state).toBe(state);
});

test.each([
  [[], "passed"],
  [[{ what: "templates/a", status: 204 }], "passed"],
  [[{ what: "templates/a", status: 404 }], "passed"],
  [
    [
      { what: "templates/a", status: 204 },
      { what: "strategies/a", status: 500 },
    ],
    "failed",
  ],
])("removals %j are %s", (removals, state) => {
  expect(judgeRemovals(removals).state).toBe(state);
});
