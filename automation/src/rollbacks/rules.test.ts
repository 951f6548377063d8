import { describe, expect, test } from "vitest";
import { Verification } from "../contract/verification.ts";
import type { Failed } from "./rules.ts";
import {
  decideAfterFailure,
  decideHoldEnd,
  decideUndo,
  isConsentTo,
  isCovered,
  isFrozenFor,
  outcomeOfRollback,
  VERIFICATION_MOVES,
} from "./rules.ts";

const gate = { gate: "web", detail: "seen" };
const BAD: Failed = {
  operation: "update",
  cause: "request",
  ending: "failed",
  step: "gates-after",
  hasBegun: true,
  gates: { kind: "bad", ...gate },
  unhealthyBefore: false,
};
const HALF_WAY: Failed = { ...BAD, step: "update", gates: null };

describe("what follows from an end without success", () => {
  test.each<[string, Failed, string]>([
    ["a required gate fails that was well before", BAD, "undo verification_failed"],
    ["the update fails after its first resource operation", HALF_WAY, "undo update_failed"],
    ["the update fails before it begins anything", { ...HALF_WAY, hasBegun: false }, "end"],
    [
      "a gate is inconclusive or in error",
      { ...BAD, gates: { kind: "undecided", ...gate } },
      "hold undecided",
    ],
    [
      "a gate fails that had failed before",
      { ...BAD, gates: { kind: "undecided", ...gate }, unhealthyBefore: true },
      "hold unhealthy-before",
    ],
    ["it cannot be shipped", { ...HALF_WAY, step: "ship" }, "undo verification_failed"],
    ["a person cancels while it is shipped", { ...HALF_WAY, step: "ship", ending: "cancelled" }, "end"],
    ["a rollback cannot be shipped", { ...HALF_WAY, step: "ship", operation: "rollback" }, "end"],
    ["a person cancels the update half-way", { ...HALF_WAY, ending: "cancelled" }, "end"],
    ["a person cancels while gates fail", { ...BAD, ending: "cancelled" }, "end"],
    ["nobody knows how far it came", { ...HALF_WAY, ending: "interrupted" }, "end"],
    ["it is rejected", { ...BAD, step: "approval", gates: null, ending: "rejected" }, "end"],
    ["its approval expires", { ...BAD, step: "approval", gates: null, ending: "expired" }, "end"],
    ["it is stale", { ...BAD, step: "seal", gates: null, ending: "stale" }, "end"],
    ["the preview fails", { ...BAD, step: "preview", gates: null }, "end"],
    ["a policy stops it", { ...BAD, step: "policy", gates: null }, "end"],
    ["a gate before the update fails", { ...BAD, step: "gates-before", gates: null }, "end"],
    [
      "an automatic rollback's own gates fail",
      { ...BAD, operation: "rollback", cause: "automatic-rollback" },
      "end",
    ],
    [
      "an automatic rollback's gates give no answer",
      {
        ...BAD,
        operation: "rollback",
        cause: "automatic-rollback",
        gates: { kind: "undecided", ...gate },
      },
      "end",
    ],
    ["a rollback that was asked for fails its gates", { ...BAD, operation: "rollback" }, "end"],
    [
      "a rollback that was asked for has gates without an answer",
      { ...BAD, operation: "rollback", gates: { kind: "undecided", ...gate } },
      "hold undecided",
    ],
    ["a rollback fails half-way", { ...HALF_WAY, operation: "rollback" }, "end"],
    ["a destroy fails half-way", { ...HALF_WAY, operation: "destroy", step: "destroy" }, "end"],
    ["a refresh fails", { ...HALF_WAY, operation: "refresh", step: "refresh" }, "end"],
  ])("when %s", (_, failed, expected) => {
    const after = decideAfterFailure(failed);
    const said =
      after.kind === "undo" ? `undo ${after.as}` : after.kind === "hold" ? `hold ${after.why}` : "end";
    expect(said).toBe(expected);
  });
});

describe("how it is undone", () => {
  const usual = {
    settings: { automatic: true, onFirstFailure: "keep" as const },
    target: 4,
    begun: { inShort: 0, inLong: 0 },
  };
  test.each([
    ["by a rollback to the release that it may go back to", usual, { kind: "rollback", target: 4 }],
    ["by nothing, for a first release", { ...usual, target: null }, { kind: "nothing-to-go-back-to" }],
    [
      "by removing what was created, when the stack wants that of a first release",
      { ...usual, target: null, settings: { ...usual.settings, onFirstFailure: "destroyCreated" as const } },
      { kind: "destroy-created" },
    ],
    [
      "by a person, on a stack that is not rolled back without being asked",
      { ...usual, settings: { ...usual.settings, automatic: false } },
      { kind: "hold", why: "not-authorised" },
    ],
    [
      "by a person, for a second one within 30 minutes",
      { ...usual, begun: { inShort: 1, inLong: 1 } },
      { kind: "hold", why: "limit" },
    ],
    [
      "by a rollback, for a third one of a day",
      { ...usual, begun: { inShort: 0, inLong: 2 } },
      { target: 4 },
    ],
    [
      "by a person, for a fourth one of a day",
      { ...usual, begun: { inShort: 0, inLong: 3 } },
      { kind: "hold", why: "limit" },
    ],
  ])("%s", (_, situation, expected) => {
    expect(decideUndo(situation)).toMatchObject(expected);
  });
});

test("consent is to exactly the steps that there are", () => {
  const steps = [{ id: "delete a" }, { id: "replace b" }];
  expect(isConsentTo(["replace b", "delete a"], steps)).toBe(true);
  expect(isConsentTo(null, steps)).toBe(false);
  expect(isConsentTo(["delete a"], steps)).toBe(false);
  expect(isConsentTo(["delete a", "replace b", "delete c"], steps)).toBe(false);
  expect(isConsentTo(["delete a", "delete a"], steps)).toBe(false);
});

test("only a rollback that can be undone itself is covered by what the stack agreed to beforehand", () => {
  const usual = { automatic: true, coversRequested: false };
  const automatic = { cause: "automatic-rollback", irreversible: 0 } as const;
  const asked = { cause: "request", irreversible: 0 } as const;
  expect(isCovered(usual, automatic)).toBe(true);
  expect(isCovered(usual, { ...automatic, irreversible: 1 })).toBe(false);
  expect(isCovered({ ...usual, automatic: false }, automatic)).toBe(false);
  expect(isCovered(usual, asked)).toBe(false);
  expect(isCovered({ ...usual, coversRequested: true }, asked)).toBe(true);
  expect(isCovered({ ...usual, coversRequested: true }, { ...asked, irreversible: 1 })).toBe(false);
});

test.each([
  ["succeeded", "succeeded", "rolling_back", "rolled_back"],
  ["failed", "verification_failed", "rolling_back", "rolled_back_unhealthy"],
  ["failed", "update_failed", "rolling_back", "rollback_failed"],
  ["failed", null, "rolling_back", "rollback_failed"],
  ["cancelled", "update_failed", "rolling_back", "rollback_failed"],
  ["cancelled", "verification_failed", "rolling_back", "rollback_failed"],
  ["cancelled", null, "rolling_back", "rollback_failed"],
  ["interrupted", "update_failed", "rolling_back", "rollback_failed"],
  ["expired", null, "held", "not-begun"],
  ["cancelled", null, "held", "not-begun"],
] as const)(
  "a rollback that is %s with %s, for one that was %s, is %s",
  (status, verification, causeWas, outcome) => {
    expect(outcomeOfRollback({ status, verification, causeWas, shipFailed: false })).toBe(outcome);
  },
);

test("a rollback that could not put back what serves has failed, although its update is done", () => {
  const end = { status: "failed", verification: "verification_failed", causeWas: "rolling_back" } as const;
  expect(outcomeOfRollback({ ...end, shipFailed: true })).toBe("rollback_failed");
});

test("a hold ends by a person's word, or by its time as the stack wants, and what nobody vouches for is not good", () => {
  const hold = { onExpiry: "keep" as const, wasUpdate: false };
  expect(decideHoldEnd({ ...hold, by: "keep" }).kind).toBe("accept");
  expect(decideHoldEnd({ ...hold, by: "keep", wasUpdate: true }).kind).toBe("leave");
  expect(decideHoldEnd({ ...hold, by: "rollback" }).kind).toBe("rollback");
  expect(decideHoldEnd({ ...hold, by: "expired" }).kind).toBe("leave");
  expect(decideHoldEnd({ ...hold, by: "expired", onExpiry: "rollback" }).kind).toBe("rollback");
  expect(decideHoldEnd({ ...hold, by: "superseded", onExpiry: "rollback" }).kind).toBe("leave");
});

test("a stack that a failed rollback froze takes what looks, and what names the failure", () => {
  const failed = { deploymentId: "d1" };
  const asked = { cause: "request" as const, acknowledges: null };
  for (const operation of ["preview", "refresh", "detect-drift"] as const)
    expect(isFrozenFor(failed, { ...asked, operation })).toBe(false);
  for (const operation of ["update", "destroy", "rollback", "remediate-drift"] as const) {
    expect(isFrozenFor(failed, { ...asked, operation }), operation).toBe(true);
    expect(isFrozenFor(failed, { ...asked, operation, acknowledges: "d1" }), operation).toBe(false);
    expect(isFrozenFor(failed, { ...asked, operation, acknowledges: "d0" }), operation).toBe(true);
    expect(isFrozenFor(null, { ...asked, operation }), operation).toBe(false);
  }
  expect(isFrozenFor(failed, { ...asked, operation: "rollback", cause: "automatic-rollback" })).toBe(false);
});

test("good is only what was verified, and every end is never left", () => {
  const into = (to: Verification) =>
    Object.entries(VERIFICATION_MOVES).flatMap(([from, all]) => (all.includes(to) ? [from] : []));
  expect(into("succeeded")).toEqual(["verifying", "held"]);
  expect(into("rolling_back")).toEqual(["update_failed", "verification_failed", "held"]);
  const ends = Verification.options.filter((state) => VERIFICATION_MOVES[state].length === 0);
  expect(ends).toEqual(["succeeded", "rolled_back", "rolled_back_unhealthy", "rollback_failed"]);
});
