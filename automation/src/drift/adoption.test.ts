import { describe, expect, test } from "vitest";
import { adoptionOf } from "./adoption.ts";

const ALERT = {
  kind: "input-changed" as const,
  urn: "urn:pulumi:test::shop::aws:s3/bucket:Bucket::assets",
  resourceType: "aws:s3/bucket:Bucket",
  path: "tags.owner",
};
const value = (before: string | null, after: string | null, path = ALERT.path) => ({
  ...ALERT,
  path,
  value: { path, side: "input" as const, before, after },
});

describe("the change of the source that keeps what drifted", () => {
  test.each([
    [value('"a"', '"b"'), { op: "replace", path: "/tags/owner", value: "b" }, 'from "a" to "b"'],
    [value(null, "3"), { op: "add", path: "/tags/owner", value: 3 }, "Set tags.owner"],
    [value('"a"', null), { op: "remove", path: "/tags/owner" }, "Remove tags.owner"],
    [
      value(null, '{"port":1}', "rules[+]"),
      { op: "add", path: "/rules/-", value: { port: 1 } },
      "to the list rules",
    ],
    [value("1", "2", 'labels["a/b"]'), { op: "replace", path: "/labels/a~1b", value: 2 }, "from 1 to 2"],
  ])("is a patch and a sentence", (alert, patch, words) => {
    const adoption = adoptionOf(alert);
    expect(adoption.patch).toEqual([patch]);
    expect(adoption.instruction).toContain(words);
    expect(adoption.name).toBe("assets");
  });

  test("of a resource that is gone takes it out of the program", () => {
    const adoption = adoptionOf({ ...ALERT, kind: "gone", path: null, value: null });
    expect(adoption).toMatchObject({ patch: [], instruction: expect.stringContaining("out of the program") });
  });

  test("never shows a sealed value, and guesses none that was cut", () => {
    expect(adoptionOf(value('"[secret]"', '"[secret]"')).patch).toEqual([]);
    expect(adoptionOf(value('"a"', '"bbb… (9 more characters)')).patch).toEqual([]);
  });

  test("of an alert about no resource there is none", () => {
    const alert = { kind: "cannot-check" as const, urn: null, resourceType: null, path: null, value: null };
    expect(() => adoptionOf(alert)).toThrow("nothing to take over");
  });
});
