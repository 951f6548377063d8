import { describe, expect, test } from "vitest";
import type { RequestOutcome } from "../engine/runner-protocol.ts";
import {
  endedByPackTrouble,
  endedByPolicies,
  findingsOfPacks,
  findingsOfUnasked,
  notePacks,
  packsAskedBy,
  unheardPacks,
  withoutReporting,
} from "./policy-findings.ts";
import type { LaidPack, LaidPolicies, PacksSaid } from "./policy-types.ts";

const FOLDER = "/data/attempts/a/b/policies/r1";
const laidPack = (more: Partial<LaidPack> = {}): LaidPack => ({
  path: FOLDER,
  ruleId: "r1",
  name: "house",
  version: "1.0.0",
  digest: null,
  overridable: true,
  config: {},
  passedOver: [],
  ...more,
});
const laid = (...packs: LaidPack[]): LaidPolicies => ({
  set: { version: 1, digest: "", rules: [] },
  content: "",
  override: undefined,
  reporting: new Set<string>(),
  unasked: [],
  packs,
});
const heard = (...events: Record<string, unknown>[]): PacksSaid => {
  const said: PacksSaid = { findings: [], ran: new Map(), stopped: false };
  for (const event of events) notePacks(said, event);
  return said;
};
const ranAt = (...folders: string[]) => ({
  summaryEvent: {
    PolicyPacks: Object.fromEntries(folders.map((folder, at) => [`house${at}|local|${folder}`, "1.0.0"])),
  },
});
const violation = (enforcementLevel: string, policyPackName = "house0") => ({
  policyEvent: { policyName: "names", policyPackName, enforcementLevel, message: "no", resourceUrn: "urn:a" },
});
const failed = (...errors: string[]): RequestOutcome => ({
  status: "failed",
  exitCode: 1,
  signal: null,
  durationMs: 1,
  errors,
  changes: {},
});

describe("a pack was heard", () => {
  test.each([
    ["when it ran", [ranAt(FOLDER)], [laidPack()], 0],
    [
      "when the engine leaves the middle of its folder out",
      [ranAt("/data/.../policies/r1")],
      [laidPack()],
      0,
    ],
    ["not when another one ran", [ranAt("/data/.../policies/r2")], [laidPack()], 1],
    ["not when nothing did", [], [laidPack()], 1],
    ["not when one of two did", [ranAt(FOLDER)], [laidPack(), laidPack({ path: "/data/source/pack" })], 1],
    [
      "not when two cannot be told apart",
      [ranAt("/data/.../policies/r1")],
      [laidPack(), laidPack({ path: "/data/source/policies/r1" })],
      1,
    ],
  ])("%s", (_, events, packs, unheard) => {
    expect(unheardPacks(laid(...packs), heard(...events))).toHaveLength(unheard);
  });
});

describe("what the engine ended for", () => {
  test.each([
    ["a mandatory violation", "mandatory", failed("preview failed"), true],
    ["nothing that a policy said", "advisory", failed("preview failed"), false],
    ["a mistake of the program besides", "mandatory", failed("preview failed", "ReferenceError: x"), false],
    ["success", "mandatory", { ...failed(), status: "succeeded" as const, exitCode: 0 }, false],
    ["an interrupt", "mandatory", { ...failed(), status: "interrupted" as const }, false],
    ["a level that nobody here knows", "paranoid", failed("preview failed"), true],
  ])("is policies or not: %s", (_, level, outcome, isPolicies) => {
    expect(endedByPolicies(heard(ranAt(FOLDER), violation(level)), outcome)).toBe(isPolicies);
  });

  test.each([
    ["failed to run policy: Connection dropped", true],
    ["validating policy config: rules 1.0.0  names: prefix: Invalid type", true],
    ["closing transport due to: connection error", true],
    ["failed to load Pulumi policy project located at /x", true],
    ["ReferenceError: bucket is not defined", false],
  ])("is a pack that could not do its work or not: %s", (error, isTrouble) => {
    expect(endedByPackTrouble(laid(laidPack()), failed(error))).toBe(isTrouble);
    expect(endedByPackTrouble(laid(), failed(error))).toBe(false);
  });
});

test("a finding has the rule of its pack; what an override made advisory for the engine is what it was", () => {
  const said = heard(ranAt(FOLDER), violation("advisory"), violation("advisory", "somebody-else"));
  const levels = (pack: LaidPack) =>
    findingsOfPacks(laid(pack), said).map(({ level, ruleId }) => [level, ruleId]);
  expect(levels(laidPack())).toEqual([
    ["advisory", "r1"],
    ["advisory", null],
  ]);
  expect(levels(laidPack({ passedOver: ["names"] }))).toEqual([
    ["mandatory", "r1"],
    ["advisory", null],
  ]);
});

describe("a pack whose rule is newer than the release that an automatic rollback goes back to", () => {
  const crash = failed("failed to run policy: Error: boom", "preview failed");
  const newer = laidPack({ ruleId: "newer", name: "newer", path: "/data/policies/newer" });
  const older = laidPack();
  const own = laidPack({ ruleId: null, name: "own", path: "/data/source/own" });
  const both = { ...laid(older, newer, own), reporting: new Set(["newer"]) };

  test("is left out when a pack could not do its work, and told with what the engine says", () => {
    expect(withoutReporting(both, crash)).toMatchObject({
      packs: [{ name: "house" }, { name: "own" }],
      unasked: [{ ruleId: "newer", name: "newer", why: expect.stringContaining("boom") as string }],
    });
  });

  test.each([
    ["where no rule is newer", laid(older, own), crash],
    ["for a mistake of the program", both, failed("ReferenceError: x")],
    ["for a violation", both, failed("preview failed")],
    ["when it is left out already", { ...both, packs: [older, own] }, crash],
  ])("is left out for nothing else: not %s", (_, policies, outcome) => {
    expect(withoutReporting(policies, outcome)).toBeUndefined();
  });

  test("has a finding when it could not be asked or did not run, and none when it did", () => {
    const unasked = [{ ruleId: "newer", name: "newer", version: "1.0.0", why: "no" }];
    const found = { ...laid(older), reporting: both.reporting, unasked };
    expect(findingsOfUnasked(found, heard(ranAt(FOLDER)))).toMatchObject([
      { ruleId: "newer", policy: "policy_unchecked", level: "mandatory", overridable: false, message: "no" },
    ]);
    expect(findingsOfUnasked(both, heard(ranAt(FOLDER)))).toMatchObject([{ message: "It did not run." }]);
    expect(findingsOfUnasked(both, heard(ranAt(FOLDER, newer.path)))).toEqual([]);
  });

  test("is asked before the change alone: one that throws during it would end the rollback half-way", () => {
    const names = (operation: "preview" | "update" | "destroy") =>
      packsAskedBy(operation, both).map(({ name }) => name);
    expect([names("preview"), names("update"), names("destroy")]).toEqual([
      ["house", "newer", "own"],
      ["house", "own"],
      [],
    ]);
  });
});
