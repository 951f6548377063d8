import { expect, test } from "vitest";
import type { AttemptGrant } from "../access/rules.ts";
import { UpdateStatus } from "../contract/updates.ts";
import type { StartSituation, WriterRow } from "./rules.ts";
import {
  danglingReference,
  decideCancel,
  decideComplete,
  decideStart,
  isDrained,
  isDryRun,
  knownFrom,
  openOperations,
} from "./rules.ts";

const STATUSES = UpdateStatus.options;
const free: WriterRow = { holder: null, holderKind: null, epoch: 4, isLive: false };
const heldBy = (holderKind: "attempt" | "update", isLive: boolean): WriterRow => ({
  holder: "other",
  holderKind,
  epoch: 4,
  isLive,
});
const attempt: AttemptGrant = {
  attemptId: "attempt",
  deploymentId: "deployment",
  stackId: "stack",
  organisation: "default",
  epoch: 4,
  mayChange: true,
  readableStackIds: [],
};
const situation: StartSituation = {
  status: "requested",
  dryRun: false,
  principal: "alice",
  actor: { id: "alice", attempt: null },
  writer: free,
  rollbackPending: null,
};

test("an update only looks when it is a preview or says dryRun, whatever its kind", () => {
  expect(isDryRun("update", {})).toBe(false);
  expect(isDryRun("update", { dryRun: true })).toBe(true);
  expect(isDryRun("destroy", { dryRun: false })).toBe(false);
  expect(isDryRun("preview", {})).toBe(true);
  expect(isDryRun("preview", { dryRun: false })).toBe(true);
});

test.each<[string, Partial<StartSituation>, string]>([
  ["takes a free stack", {}, "take"],
  ["waits for nobody that is dead and bare", { writer: heldBy("update", false) }, "free-expired"],
  ["is refused while another update lives", { writer: heldBy("update", true) }, "held"],
  ["is refused while an attempt lives", { writer: heldBy("attempt", true) }, "held"],
  ["leaves a lost attempt to its takeover", { writer: heldBy("attempt", false) }, "held"],
  ["does not come between a failure and its rollback", { rollbackPending: 7 }, "refused"],
  ["may look whoever writes", { dryRun: true, writer: heldBy("update", true) }, "look"],
  ["may look before a rollback", { dryRun: true, rollbackPending: 7 }, "look"],
  ["is started by its creator alone", { actor: { id: "bob", attempt: null } }, "refused"],
])("a bare update %s", (_what, change, kind) => {
  expect(decideStart({ ...situation, ...change }).kind).toBe(kind);
});

test("an update starts once", () => {
  for (const status of STATUSES) {
    for (const dryRun of [true, false]) {
      const { kind } = decideStart({ ...situation, status, dryRun });
      expect(kind === "refused", `${status} ${dryRun}`).toBe(status !== "requested");
    }
  }
});

test.each<[string, Partial<WriterRow>, Partial<AttemptGrant>, string]>([
  ["holds the stack", {}, {}, "inherit"],
  ["has lost it to a newer epoch", { epoch: 5 }, {}, "refused"],
  ["was not renewed", { isLive: false }, {}, "refused"],
  ["has lost it to another attempt", { holder: "other" }, {}, "refused"],
  ["has lost it to nobody", { holder: null }, {}, "refused"],
  ["may only preview", {}, { mayChange: false }, "refused"],
])("an update of an attempt that %s", (_what, row, grant, kind) => {
  const writer: WriterRow = { holder: "attempt", holderKind: "attempt", epoch: 4, isLive: true, ...row };
  const actor = { id: "alice", attempt: { ...attempt, ...grant } };
  expect(decideStart({ ...situation, actor, writer })).toMatchObject(
    kind === "inherit" ? { kind, epoch: 4 } : { kind },
  );
});

test("a completion ends what runs, repeats harmlessly, and never changes what has ended", () => {
  for (const asked of ["succeeded", "failed", "cancelled"] as const) {
    for (const status of STATUSES) {
      const expected =
        status === "running"
          ? { kind: "end", status: asked }
          : { kind: status === asked ? "done" : "refused" };
      expect(decideComplete({ status, draining: false }, asked), `${status} ${asked}`).toEqual(expected);
    }
    expect(decideComplete({ status: "running", draining: true }, asked)).toEqual({
      kind: "end",
      status: "cancelled",
    });
  }
});

test("a cancel drains a bare update, drops what holds nothing, repeats harmlessly, and leaves deployments and ends alone", () => {
  const bare: Omit<Parameters<typeof decideCancel>[0], "status"> = {
    number: 3,
    dryRun: false,
    deploymentId: null,
  };
  const kinds = (more: Partial<typeof bare>) =>
    Object.fromEntries(STATUSES.map((status) => [status, decideCancel({ ...bare, ...more, status }).kind]));
  const ended = { succeeded: "refused", failed: "refused", cancelled: "done", expired: "refused" };
  expect(kinds({})).toEqual({ requested: "drop", running: "drain", ...ended });
  expect(kinds({ dryRun: true })).toEqual({ requested: "drop", running: "drop", ...ended });
  expect(kinds({ deploymentId: "d" })).toEqual({ requested: "drop", running: "refused", ...ended });
  expect(decideCancel({ ...bare, deploymentId: "d", status: "running" })).toMatchObject({
    remedy: "Cancel the deployment: slipway cancel d",
  });
});

test("an operation is under way from its begin to its success, failure or refresh", () => {
  const at = (kind: number, operationId: number) => ({ kind, operationId });
  expect([...openOperations([at(0, 1), at(0, 2), at(1, 1)])]).toEqual([2]);
  expect([...openOperations([at(0, 1), at(0, 2), at(0, 3), at(2, 1), at(3, 2)])]).toEqual([3]);
  expect([...openOperations([at(0, 1), at(4, 1), at(5, 0), at(6, 0), at(7, 0)])]).toEqual([1]);
  expect([...openOperations([at(1, 1)], new Set([1, 9]))]).toEqual([9]);
});

test("a drain records what became of operations, and nothing that begins one or moves the base", () => {
  const kinds = Array.from({ length: 12 }, (_, kind) => kind);
  expect(kinds.filter((kind) => isDrained({ kind, operationId: 1 }))).toEqual([1, 2, 3, 4]);
});

test("a batch refers to resources of its base and to operations that came; a replaced base is not counted", () => {
  const nothing = {
    highestBaseIndex: -1,
    highestOperation: 0,
    highestReferredOperation: 0,
    replacesBase: false,
  };
  const known = { baseResources: 2, highestOperation: 5 };
  expect(danglingReference(nothing, { baseResources: 0, highestOperation: 0 })).toBeNull();
  expect(danglingReference({ ...nothing, highestBaseIndex: 1 }, known)).toBeNull();
  expect(danglingReference({ ...nothing, highestBaseIndex: 2 }, known)).toContain("resource 2");
  expect(danglingReference({ ...nothing, highestBaseIndex: 2, replacesBase: true }, known)).toBeNull();
  expect(
    danglingReference({ ...nothing, highestBaseIndex: 9 }, { ...known, baseResources: null }),
  ).toBeNull();
  expect(danglingReference({ ...nothing, highestReferredOperation: 5 }, known)).toBeNull();
  expect(danglingReference({ ...nothing, highestReferredOperation: 6 }, known)).toContain("operation 6");
  expect(
    danglingReference({ ...nothing, highestReferredOperation: 6, highestOperation: 7 }, known),
  ).toBeNull();
  expect(
    knownFrom(3, [
      { kind: 0, operationId: 4 },
      { kind: 1, operationId: 2 },
    ]),
  ).toEqual({
    baseResources: 3,
    highestOperation: 4,
  });
  for (const kind of [5, 7]) expect(knownFrom(3, [{ kind, operationId: 0 }]).baseResources).toBeNull();
});
