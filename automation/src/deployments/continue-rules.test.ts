import { expect, test } from "vitest";
import type { ContinueSituation } from "./continue-rules.ts";
import { describeCancel, nextActionOf } from "./continue-rules.ts";

const PENDING = { urn: "urn:pulumi:dev::shop::a:b:C::one", type: "a:b:C", mayExist: true };
const INTERRUPTED: ContinueSituation = {
  status: "interrupted",
  operation: "update",
  account: { done: 1, unknown: 1, pendingCreates: [PENDING] },
  isSuperseded: null,
};

test.each<[string, Partial<ContinueSituation>, boolean]>([
  ["an interrupted update", {}, true],
  ["an interrupted destroy", { operation: "destroy" }, true],
  ["an interrupted run of which nothing is known", { account: undefined }, true],
  ["one that something else has changed the stack after", { isSuperseded: "done" }, false],
  ["one that something else waits behind", { isSuperseded: "running" }, false],
  ["a cancelled one that had begun", { status: "cancelled" }, true],
  ["a cancelled one that had changed nothing", { status: "cancelled", account: undefined }, false],
  ["a failed one with something unknown", { status: "failed" }, true],
  [
    "one that failed by itself, with an end to everything",
    { status: "failed", account: { done: 2, unknown: 0, pendingCreates: [] } },
    false,
  ],
  ["a preview", { operation: "preview" }, false],
  ["a success", { status: "succeeded" }, false],
])("%s: is there something to go on with", (_, more, offered) => {
  expect(nextActionOf({ ...INTERRUPTED, ...more }) !== null).toBe(offered);
});

test("what may exist is named first, and what a refresh finds out needs no look", () => {
  expect(nextActionOf(INTERRUPTED)).toMatchObject({
    kind: "continue",
    detail: expect.stringContaining("First look for one"),
    pendingCreates: [{ ...PENDING, name: "one" }],
  });
  const account = { done: 1, unknown: 1, pendingCreates: [{ ...PENDING, mayExist: false }] };
  expect(nextActionOf({ ...INTERRUPTED, account })?.detail).not.toContain("First look");
});

test("a cancel says what happens next", () => {
  expect(describeCancel({ status: "running", isHeld: true })).toContain("interrupted once");
  expect(describeCancel({ status: "running", isHeld: false })).toContain("does not answer");
  expect(describeCancel({ status: "succeeded", isHeld: false })).toContain("succeeded");
});
