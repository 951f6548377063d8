import { describe, expect, test } from "vitest";
import type { ApprovalRule, Risk, RiskTier } from "../contract/approvals.ts";
import { ApprovalRule as Rule } from "../contract/approvals.ts";
import type { Change } from "./matching.ts";
import { automaticVote, lifeOf, PRODUCTION_RULE, rulesFor, unfulfillable } from "./matching.ts";

const rule = (more: Partial<ApprovalRule>): ApprovalRule => Rule.parse({ name: "ops", need: 1, ...more });
const risk = (tier: RiskTier, counts: Record<string, number> = {}): Risk => ({ tier, reasons: [], counts });
const change = (more: Partial<Change> = {}): Change => ({
  operation: "update",
  risk: risk("medium", { update: 1 }),
  types: ["aws:s3/bucket:Bucket"],
  ...more,
});

describe("which rules a change has to meet", () => {
  const matches: [string, Partial<ApprovalRule>, Partial<Change>, boolean][] = [
    ["any by default", {}, {}, true],
    ["its operation", { operations: ["destroy"] }, { operation: "destroy" }, true],
    ["another operation", { operations: ["destroy"] }, {}, false],
    ["an operation that nobody here knows", { operations: ["destroy"] }, { operation: "transmogrify" }, true],
    ["its lowest tier", { minRisk: "medium" }, {}, true],
    ["a lower tier", { minRisk: "high" }, {}, false],
    ["a type that changes", { resourceTypes: ["aws:s3/*"] }, {}, true],
    ["a type that does not", { resourceTypes: ["aws:rds/*"] }, {}, false],
    ["nothing to change", {}, { risk: risk("none") }, false],
    [
      "no preview, whatever its tier and types",
      { minRisk: "highest", resourceTypes: ["x"] },
      { risk: null, types: [] },
      true,
    ],
    ["a preview", {}, { operation: "preview" }, false],
    ["a drift check", {}, { operation: "detect-drift", risk: null }, false],
    ["a remediation", {}, { operation: "remediate-drift" }, true],
    ["a rollback", {}, { operation: "rollback" }, true],
    ["a refresh", {}, { operation: "refresh" }, true],
  ];
  test.each(matches)("%s", (_, settings, what, isMet) => {
    const rules = rulesFor(change(what), { rules: [rule(settings)], production: false });
    expect(rules).toHaveLength(isMet ? 1 : 0);
  });

  test("on a stack of production a change that no rule matches asks for one vote of somebody else", () => {
    const rules = [rule({ operations: ["destroy"] })];
    expect(rulesFor(change(), { rules, production: true })).toEqual([PRODUCTION_RULE]);
    expect(rulesFor(change(), { rules: [], production: true })).toEqual([PRODUCTION_RULE]);
    expect(rulesFor(change({ operation: "destroy" }), { rules, production: true })).toEqual(rules);
    expect(rulesFor(change({ risk: risk("none") }), { rules: [], production: true })).toEqual([]);
    expect(rulesFor(change(), { rules: [], production: false })).toEqual([]);
  });
});

describe("automatic rules", () => {
  const cases: [string, "adds-only" | "in-place-only", Partial<Change>, boolean][] = [
    ["creates", "adds-only", { risk: risk("low", { create: 2 }) }, true],
    ["a change in place", "adds-only", {}, false],
    ["a change in place", "in-place-only", {}, true],
    [
      "creates and changes in place",
      "in-place-only",
      { risk: risk("medium", { create: 1, update: 1 }) },
      true,
    ],
    ["a replacement", "in-place-only", { risk: risk("high", { replace: 1 }) }, false],
    ["an import", "adds-only", { risk: risk("low", { import: 1 }) }, false],
    ["what nobody here knows", "in-place-only", { risk: risk("highest", { transmogrify: 1 }) }, false],
    ["no preview", "in-place-only", { risk: null }, false],
    ["nothing", "adds-only", { risk: risk("none") }, false],
    ["a destroy", "adds-only", { operation: "destroy", risk: risk("low", { create: 1 }) }, false],
  ];
  test.each(cases)("%s: %s", (_, kind, what, votes) => {
    const said = automaticVote(kind, change(what));
    expect(said.votes).toBe(votes);
    expect(said.reason).not.toBe("");
  });
});

test("votes last as long as the strictest rule says, and those for a destroy an hour at most", () => {
  const hour = 3_600_000;
  expect(lifeOf("update", [])).toBe(24 * hour);
  expect(lifeOf("update", [rule({ expiresInHours: 48 }), rule({ expiresInHours: 72 })])).toBe(48 * hour);
  expect(lifeOf("destroy", [rule({ expiresInHours: 48 })])).toBe(hour);
});

describe("rules that lock everyone out", () => {
  const fulfil = (rules: ApprovalRule[], members: Record<string, string[]>, onePersonOneRule = false) =>
    unfulfillable(rules, { membersOf: ({ name }) => new Set(members[name] ?? []), onePersonOneRule });

  test.each([
    [1, ["ann"], null],
    [1, [], "The rule 'ops' needs 1, and nobody could vote for it besides you."],
    [2, ["ann"], "The rule 'ops' needs 2, and only 1 person could vote for it besides you."],
    [3, ["ann", "bea"], "The rule 'ops' needs 3, and only 2 people could vote for it besides you."],
  ])("a need of %i with %o", (need, people, why) => {
    expect(fulfil([rule({ need })], { ops: people })).toBe(why);
  });

  test("count each person once where people must differ, and only for rules that can match together", () => {
    const both = [rule({ name: "ops" }), rule({ name: "sec" })];
    const one = { ops: ["ann"], sec: ["ann"] };
    expect(fulfil(both, one)).toBeNull();
    expect(fulfil(both, one, true)).toMatch(/too few different people/);
    expect(fulfil(both, { ops: ["ann", "bea"], sec: ["ann"] }, true)).toBeNull();
    const apart = [
      rule({ name: "ops", operations: ["update"] }),
      rule({ name: "sec", operations: ["destroy"] }),
    ];
    expect(fulfil(apart, one, true)).toBeNull();
  });
});
