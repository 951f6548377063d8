import { describe, expect, test } from "vitest";
import type { RequestOutcome } from "../engine/runner-protocol.ts";
import {
  endedByPackTrouble,
  endedByPolicies,
  findingsOfPacks,
  notePacks,
  unheardPacks,
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
