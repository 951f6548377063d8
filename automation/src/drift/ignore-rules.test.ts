import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { coveredBy, coversPath, isInForce, matchesGlob } from "./ignore-rules.ts";

const URN = "urn:pulumi:test::shop::aws:s3/bucket:Bucket::assets";

describe("a rule", () => {
  test("counts until it expires or is removed", () => {
    const rule = { expiresAt: 1_000, removed: false };
    expect(isInForce(rule, 999)).toBe(true);
    expect(isInForce(rule, 1_000)).toBe(false);
    expect(isInForce({ ...rule, removed: true }, 0)).toBe(false);
  });

  test.each([
    ["tags", "tags", true],
    ["tags", "tags.owner", true],
    ["tags", "tagsAll", false],
    ["tags.owner", "tags", false],
    ["rules[*].port", "rules[3].port", true],
    ["rules[*].port", "rules[+]", false],
    ["rules", "rules[+]", true],
    ["*", "anything.at[1].all", true],
    ["*.port", "a.port.deep", true],
    ['labels["a.b"]', 'labels["a.b"]', true],
    ["labels.a.b", 'labels["a.b"]', false],
  ])("for %s covers %s: %s", (pattern, path, covers) => {
    expect(coversPath(pattern, path)).toBe(covers);
  });

  test("with a path never covers that the resource is gone, and one without covers all of it", () => {
    const [some, whole] = [
      { urnGlob: "*", path: "*" },
      { urnGlob: "*::assets", path: null },
    ];
    expect(coveredBy([some], { urn: URN, path: null })).toBeUndefined();
    expect(coveredBy([whole], { urn: URN, path: null })).toBe(whole);
    expect(coveredBy([whole], { urn: URN, path: "tags" })).toBe(whole);
    expect(coveredBy([whole], { urn: `${URN}2`, path: null })).toBeUndefined();
  });
});

describe("a glob", () => {
  test("takes * for any characters and everything else for itself", () => {
    expect(matchesGlob("*:Bucket::*", URN)).toBe(true);
    expect(matchesGlob("urn:pulumi:test::shop::*", URN)).toBe(true);
    expect(matchesGlob("aws:s3*", URN)).toBe(false);
    expect(matchesGlob(URN.replace("assets", "asset."), URN)).toBe(false);
    expect(matchesGlob("", URN)).toBe(false);
  });

  test("answers like the regular expression of the same meaning, and at once for the worst pattern", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "*"), maxLength: 12 });
    const plain = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 12 });
    fc.assert(
      fc.property(text, plain, (glob, of) => {
        expect(matchesGlob(glob, of)).toBe(new RegExp(`^${glob.replaceAll("*", ".*")}$`).test(of));
      }),
    );
    expect(matchesGlob(`${"*a".repeat(500)}b`, "a".repeat(1_000))).toBe(false);
  });
});
