import { expect, test } from "vitest";
import type { JournaledOperation } from "./account-rules.ts";
import { accountOf, countsOf, describeAccount, mayExist, undecided } from "./account-rules.ts";

const urn = (name: string): string => `urn:pulumi:dev::shop::a:b:C::${name}`;
const journaled = (name: string, end: JournaledOperation["end"]): JournaledOperation => ({
  urn: urn(name),
  operation: "create",
  end,
});

test("what was planned and never begun is not done; what was begun is what the journal says", () => {
  const account = accountOf(
    [journaled("ended", "succeeded"), journaled("refused", "failed"), journaled("open", "unknown")],
    ["ended", "refused", "open", "never"].map((name) => ({ urn: urn(name), operation: "create" as const })),
  );
  expect(account.resources.map(({ name, outcome }) => `${name} ${outcome}`)).toEqual([
    "open unknown",
    "never not_done",
    "refused not_done",
    "ended done",
  ]);
  expect(countsOf(account)).toEqual({ done: 1, notDone: 2, unknown: 1 });
  expect(describeAccount(account)).toBe("Resource operations: 1 done, 2 not done, 1 unknown (create open).");
});

test("one resource that is replaced has two operations, and of several of one kind the worst counts", () => {
  const both: JournaledOperation[] = [
    journaled("one", "succeeded"),
    { urn: urn("one"), operation: "delete", end: "unknown" },
    { urn: urn("one"), operation: "delete", end: "succeeded" },
  ];
  expect(accountOf(both, []).resources.map(({ operation, outcome }) => `${operation} ${outcome}`)).toEqual([
    "delete unknown",
    "create done",
  ]);
});

test("without a plan nobody claims to know what was still to come", () => {
  const account = accountOf([journaled("one", "succeeded")], null);
  expect(account.planned).toBe(false);
  expect(describeAccount(account)).toContain("There was no preview");
  expect(describeAccount(accountOf([], []))).toBe("No resource was changed.");
});

test("only what is nothing outside of the state may be dropped without a look", () => {
  expect(mayExist({ type: "aws:s3/bucket:Bucket", custom: true })).toBe(true);
  expect(mayExist({ type: "local:index:Service", custom: true })).toBe(true);
  expect(mayExist({ type: "random:index/randomId:RandomId", custom: true })).toBe(false);
  expect(mayExist({ type: "pulumi:providers:aws", custom: true })).toBe(false);
  expect(mayExist({ type: "shop:web:Site", custom: false })).toBe(false);
  const pending = [
    { urn: "a", mayExist: true },
    { urn: "b", mayExist: false },
    { urn: "c", mayExist: true },
  ];
  expect(undecided(pending, [])).toEqual(["a", "c"]);
  expect(undecided(pending, ["a", "c"])).toEqual([]);
});
