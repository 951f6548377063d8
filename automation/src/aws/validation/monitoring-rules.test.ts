import { expect, test } from "vitest";
import {
  isErrorLine,
  judgeAlarm,
  judgeDashboard,
  judgeLogGroup,
  judgeLogs,
  judgeSubscriptions,
  judgeTraces,
} from "./monitoring-rules.ts";

test.each([
  [{ state: "OK", reason: "", actionsEnabled: true }, "passed"],
  [{ state: "OK", reason: "", actionsEnabled: false }, "failed"],
  [{ state: "ALARM", reason: "5 errors", actionsEnabled: true }, "failed"],
  [{ state: "INSUFFICIENT_DATA", reason: "unchecked", actionsEnabled: true }, "failed"],
  [null, "failed"],
])("the alarm %j is %s", (alarm, state) => {
  expect(judgeAlarm(alarm).state).toBe(state);
});

test.each([
  [3, "passed"],
  [0, "failed"],
  [null, "failed"],
])("a dashboard with %s widgets is %s", (widgets, state) => {
  expect(judgeDashboard(widgets).state).toBe(state);
});

const queue = { arn: "arn:aws:sns:r:1:t:1", protocol: "sqs", endpoint: "arn:aws:sqs:r:1:probe" };
const person = { arn: "arn:aws:sns:r:1:t:2", protocol: "email", endpoint: "on-call@shop.test" };
test.each([
  [[queue, person], "passed", "confirmed: sqs, email"],
  [[queue], "passed", "no person is told"],
  [[queue, { ...person, arn: "PendingConfirmation" }], "failed", "email …@shop.test"],
  [[queue, { ...person, arn: "" }], "failed", "not confirmed"],
  [[], "failed", "nobody"],
])("the subscriptions %j are %s", (seen, state, detail) => {
  const verdict = judgeSubscriptions(seen, "probe");
  expect(verdict).toMatchObject({ state, detail: expect.stringContaining(detail) as string });
  expect(verdict.detail).not.toContain("on-call");
});

test.each([
  [30, "passed"],
  [null, "failed"],
  [undefined, "failed"],
])("a log group whose retention is %s is %s", (days, state) => {
  expect(judgeLogGroup(days).state).toBe(state);
});

test.each([
  [{ entries: 4, errors: [] }, "passed"],
  [{ entries: 0, errors: [] }, "failed"],
  [{ entries: 4, errors: ["ERROR x"] }, "failed"],
])("a log of %j is %s", (logs, state) => {
  expect(judgeLogs(logs).state).toBe(state);
});

test.each([
  ["2026-11-21T12:00:00.000Z\t6f1\tERROR\tInvoke Error\t{}", true],
  ["2026-11-21T12:00:00.000Z 6f1 Task timed out after 3.00 seconds", true],
  ["RequestId: 6f1 Error: Runtime exited with error: signal: killed", true],
  ['{"errorType":"Runtime.ImportModuleError","errorMessage":"no index"}', true],
  ['{"timestamp":"2026-11-21T12:00:00Z","level":"ERROR","message":"x"}', true],
  ['{"level":50,"time":1,"msg":"request failed"}', true],
  ['{"level":60,"msg":"it ends"}', true],
  ['{"type":"platform.report","record":{"requestId":"1","status":"timeout"}}', true],
  ['{"type":"platform.report","record":{"requestId":"1","status":"success"}}', false],
  ['{"level":30,"msg":"request completed","errors":0}', false],
  ['{"level":30,"msg":"the template ERROR was refused"}', false],
  ["REPORT RequestId: 6f1 Duration: 12.00 ms", false],
  ["INIT_START Runtime Version: nodejs:24", false],
])("%s is an error: %s", (line, error) => {
  expect(isErrorLine(line)).toBe(error);
});

test("one function with a trace is enough, none is not", () => {
  expect(judgeTraces(["a", "b"], new Set(["b"]))).toMatchObject({ state: "passed" });
  expect(judgeTraces(["a", "b"], new Set(["c"]))).toMatchObject({ state: "failed" });
});
