import { describe, expect, test } from "vitest";
import type { CheckedContent, Finding } from "./rules.ts";
import {
  appliesTo,
  canOverride,
  contentDigest,
  countFindings,
  findingsSeal,
  judge,
  packConfig,
  reportingConfig,
  setDigest,
  stopsRollback,
  violations,
} from "./rules.ts";

const finding = (more: Partial<Finding> = {}): Finding => ({
  ruleId: "r1",
  pack: "house",
  version: "1.0.0",
  policy: "names",
  level: "mandatory",
  urn: "urn:a",
  message: "is forbidden",
  overridable: true,
  ...more,
});
const rule = {
  kind: "pack",
  pack: null,
  level: "pack" as const,
  overridable: false,
  holdsForRollbacks: false,
  config: { b: 1, a: 2 },
};

describe("a rule", () => {
  const stack = { projectId: "p1", tags: { tier: "gold" } };
  test.each([
    [{ projectId: null, tag: null }, true],
    [{ projectId: "p1", tag: null }, true],
    [{ projectId: "p2", tag: null }, false],
    [{ projectId: null, tag: { name: "tier", value: "gold" } }, true],
    [{ projectId: null, tag: { name: "tier", value: "silver" } }, false],
    [{ projectId: null, tag: { name: "toString", value: "" } }, false],
    [{ projectId: "p2", tag: { name: "tier", value: "gold" } }, false],
  ])("of %o is for the stack or not: %s", (scope, applies) => {
    expect(appliesTo(scope, stack)).toBe(applies);
  });

  test("counts by what it does: neither order nor spelling of its config moves the digest, each difference does", () => {
    const other = { ...rule, config: { a: 2, b: 1 } };
    expect(setDigest([other])).toBe(setDigest([rule]));
    const strict = { ...rule, level: "mandatory" as const };
    expect(setDigest([rule, strict])).toBe(setDigest([strict, rule]));
    const digests = [
      [],
      [rule],
      [strict],
      [{ ...rule, overridable: true }],
      [{ ...rule, holdsForRollbacks: true }],
      [rule, rule],
    ].map(setDigest);
    expect(new Set(digests).size).toBe(6);
  });
});

describe("an override", () => {
  test.each([
    ["of the finding itself", finding(), 0],
    ["whatever it is worded like today", finding({ message: "is still forbidden" }), 0],
    ["at another resource", finding({ urn: "urn:b" }), 1],
    ["of another policy", finding({ policy: "sizes" }), 1],
    ["of another rule", finding({ ruleId: "r2" }), 1],
    ["that the rule does not allow", finding({ overridable: false }), 1],
    ["of a project's own pack", finding({ ruleId: null, overridable: false }), 1],
  ])("passes over a violation %s: %#", (_, found, stopping) => {
    const named = [{ ruleId: "r1", policy: "names", urn: "urn:a" }];
    expect(violations(judge([found], named))).toHaveLength(stopping);
  });

  test("is possible when each violation allows it, and only then", () => {
    const advisory = finding({ level: "advisory", overridable: false });
    expect(canOverride(judge([finding(), advisory], []))).toBe(true);
    expect(canOverride(judge([finding(), finding({ urn: "urn:b", overridable: false })], []))).toBe(false);
    expect(canOverride(judge([advisory], []))).toBe(false);
  });

  test("is for all that was looked at: each difference of it has another seal", () => {
    const content: CheckedContent = {
      sourceDigest: "s",
      configDigest: "c",
      operation: "update",
      options: {},
      targetRelease: null,
      setDigest: "d",
    };
    const others: Partial<CheckedContent>[] = [
      {},
      { sourceDigest: "t" },
      { configDigest: "e" },
      { operation: "rollback" },
      { options: { refresh: true } },
      { targetRelease: 1 },
      { setDigest: "f" },
    ];
    const contents = others.map((one) => contentDigest({ ...content, ...one }));
    expect(new Set(contents).size).toBe(others.length);
    const seals = [[finding()], [], [finding({ message: "x" })], [finding(), finding({ urn: "urn:b" })]].map(
      (found) => findingsSeal("content", found),
    );
    expect(new Set(seals).size).toBe(4);
    const advisory = finding({ level: "advisory", message: "y" });
    expect(findingsSeal("content", [advisory, finding()])).toBe(findingsSeal("content", [finding()]));
  });
});

test("advisory findings and remediations stop nothing, and are counted", () => {
  const judged = judge([finding({ level: "advisory" }), finding({ level: "remediate" }), finding()], []);
  expect(violations(judged)).toHaveLength(1);
  expect(countFindings(judged)).toEqual({
    mandatory: 1,
    advisory: 1,
    remediated: 1,
    overridden: 0,
    reported: 0,
  });
});

describe("an automatic rollback", () => {
  const releasedAt = new Date("2026-03-02T12:00:00Z");
  const [before, after] = ["2026-03-02T11:59:59Z", "2026-03-02T12:00:01Z"];
  test.each([
    ["pack", false, before, true],
    ["pack", false, after, false],
    ["pack", true, after, true],
    ["required-tags", false, after, false],
    // It judges the change, which is as new as the rollback.
    ["protected-types", false, after, true],
  ])(
    "to an older release is stopped by %s (marked: %s, made at %s): %s",
    (kind, holdsForRollbacks, enabledAt, stops) => {
      expect(stopsRollback({ kind, holdsForRollbacks, enabledAt }, releasedAt)).toBe(stops);
    },
  );

  test("is told what the rules that cannot stop it found, and stopped by the others", () => {
    const judged = judge(
      [finding(), finding({ ruleId: "r2" }), finding({ ruleId: null })],
      [],
      new Set(["r1"]),
    );
    expect(judged.map(({ outcome }) => outcome)).toEqual(["reported", "violated", "violated"]);
    expect(violations(judged)).toHaveLength(2);
    expect(countFindings(judged)).toMatchObject({ mandatory: 2, reported: 1 });
  });

  test("runs packs that cannot stop it so that the engine goes on, and leaves off what is off", () => {
    const config = {
      all: "mandatory",
      names: "remediate",
      sizes: { enforcementLevel: "mandatory", most: 3 },
      colours: { enforcementLevel: "disabled" },
      smells: "disabled",
    };
    expect(reportingConfig(config)).toEqual({
      all: "advisory",
      names: "advisory",
      sizes: { enforcementLevel: "advisory", most: 3 },
      colours: { enforcementLevel: "disabled" },
      smells: "disabled",
    });
    expect(reportingConfig({})).toEqual({ all: "advisory" });
  });
});

describe("the config that the engine gets", () => {
  test.each([
    [{ level: "pack", config: {} }, [], {}],
    [{ level: "mandatory", config: {} }, [], { all: "mandatory" }],
    [{ level: "advisory", config: { all: "disabled" } }, [], { all: "disabled" }],
    [{ level: "pack", config: {} }, ["names"], { names: "advisory" }],
    [{ level: "pack", config: { names: "mandatory" } }, ["names"], { names: "advisory" }],
    [
      { level: "mandatory", config: { names: { prefix: "x", enforcementLevel: "mandatory" } } },
      ["names"],
      { all: "mandatory", names: { prefix: "x", enforcementLevel: "advisory" } },
    ],
  ] as const)("of %o, passing over %o, is %o", (asked, passedOver, expected) => {
    expect(packConfig(asked, passedOver)).toEqual(expected);
  });
});
