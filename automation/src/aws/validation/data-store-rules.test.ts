import { expect, test } from "vitest";
import { judgeByHealth, judgeCacheStatus, judgePlan, judgePong, judgeTable } from "./data-store-rules.ts";

test.each([
  ["ACTIVE", { byName: "ACTIVE" }, "passed", "active, with byName"],
  ["UPDATING", { byName: "ACTIVE" }, "failed", "the table is UPDATING"],
  ["ACTIVE", { byName: "CREATING" }, "failed", "index byName is CREATING"],
  ["ACTIVE", { other: "ACTIVE" }, "failed", "no index byName"],
])("a table that is %s with the indexes %j is %s", (status, indexes, state, detail) => {
  expect(judgeTable(["byName"], { status, indexes })).toMatchObject({
    state,
    detail: expect.stringContaining(detail) as string,
  });
});

test.each([
  ["+PONG", "passed"],
  ["-NOAUTH Authentication required.", "passed"],
  ["-LOADING Redis is loading the dataset in memory", "failed"],
  ["HTTP/1.1 400 Bad Request", "failed"],
])("a cache that answers %s is %s", (line, state) => {
  expect(judgePong(line).state).toBe(state);
});

test.each([
  ["available", "passed"],
  ["creating", "failed"],
  ["create-failed", "failed"],
])("a cache that is %s is %s", (status, state) => {
  expect(judgeCacheStatus(status).state).toBe(state);
});

const said = (state: string) => ({
  dataStores: [{ name: "cache", state, used: true, latencyMs: 1.2, detail: "PING" }],
});
test.each([
  [said("reachable"), "passed"],
  [said("unreachable"), "failed"],
  // Nothing said is no proof, and neither is a question that nobody asked.
  [said("not-asked"), "failed"],
  [{ dataStores: [{ ...said("not-asked").dataStores[0], used: false }] }, "failed"],
  [{ dataStores: [] }, "failed"],
  [{ status: "ok" }, "failed"],
  [undefined, "failed"],
])("where only the health function reaches the cache, its answer %j makes it %s", (answer, state) => {
  const verdict = judgeByHealth("cache", "connect ETIMEDOUT", answer);
  expect(verdict.state).toBe(state);
  expect(verdict.detail).toContain("cannot be reached from here (connect ETIMEDOUT)");
});

test.each([
  [{ rules: 1, selections: 1 }, "passed"],
  [{ rules: 0, selections: 1 }, "failed"],
  [{ rules: 1, selections: 0 }, "failed"],
  [null, "failed"],
])("the backup plan %j is %s", (plan, state) => {
  expect(judgePlan(plan).state).toBe(state);
});
