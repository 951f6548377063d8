import { describe, expect, test } from "vitest";
import type { PlannedStep, PropertyChange } from "../contract/previews.ts";
import { missingTags, protectedChanges } from "./built-in.ts";

const change = (path: string, more: Partial<PropertyChange> = {}): PropertyChange => ({
  path,
  kind: "add",
  replaces: false,
  before: null,
  after: "x",
  known: true,
  ...more,
});
const step = (
  operation: string,
  changes: PropertyChange[] = [],
  type = "aws:s3/bucket:Bucket",
): PlannedStep => ({
  urn: `urn:pulumi:s::p::${type}::one`,
  type,
  name: "one",
  operation,
  provider: null,
  parent: null,
  dependencies: [],
  protect: false,
  changes,
});

describe("required tags", () => {
  const rule = { types: { "aws:*": ["owner"], "aws:s3/*": ["tier"] }, property: "tags" };
  const owner = change("tags", { after: { owner: "a", tier: "gold" } });
  test.each([
    ["created with both", step("create", [owner]), null],
    [
      "created with each as a path of its own",
      step("create", [change("tags.owner"), change('tags["tier"]')]),
      null,
    ],
    ["created with one", step("create", [change("tags", { after: { owner: "a" } })]), "'tier'"],
    ["created without any", step("create", [change("name")]), "'owner', 'tier'"],
    [
      "created with an empty one",
      step("create", [change("tags", { after: { owner: "", tier: "gold" } })]),
      "'owner'",
    ],
    [
      "created with tags that only the update knows",
      step("create", [change("tags", { after: null, known: false })]),
      null,
    ],
    [
      "created with a secret one",
      step("create", [change("tags", { after: { owner: "[secret]", tier: "x" } })]),
      null,
    ],
    ["changed in something else", step("update", [change("acl", { kind: "update" })]), null],
    ["losing one", step("update", [change("tags.owner", { kind: "delete", after: null })]), "'owner'"],
    ["losing all", step("update", [change("tags", { kind: "delete", after: null })]), "'owner', 'tier'"],
    ["replaced", step("replace", [change("bucket", { kind: "update", replaces: true })]), null],
    ["deleted", step("delete"), null],
    ["left as it is", step("same"), null],
    ["of a type that needs none", step("create", [], "random:index:Id"), null],
    ["of a type that needs one of them", step("create", [change("tags.owner")], "aws:ec2/vpc:Vpc"), null],
    [
      "with more changes than a preview lists",
      step(
        "update",
        Array.from({ length: 200 }, (_, i) => change(`p${i}`)),
      ),
      "'owner', 'tier'",
    ],
  ])("of a resource %s", (_, planned, missing) => {
    const found = missingTags([planned], rule);
    if (missing === null) expect(found).toEqual([]);
    else expect(found).toEqual([{ urn: planned.urn, message: expect.stringContaining(missing) }]);
  });
});

describe("protected types", () => {
  test.each([
    ["create", false],
    ["update", false],
    ["same", false],
    ["refresh", false],
    ["import", false],
    ["delete", true],
    ["replace", true],
    // What nobody here knows may be anything.
    ["reincarnate", true],
  ])("%s of one is found: %s", (operation, isFound) => {
    const planned = step(operation, [
      change("bucket", { kind: "update", replaces: operation === "replace" }),
    ]);
    expect(protectedChanges([planned], { types: ["AWS:s3/*"] }).length > 0).toBe(isFound);
    expect(protectedChanges([planned], { types: ["gcp:*"] })).toEqual([]);
  });

  test("says because of what one would be replaced", () => {
    const planned = step("replace", [change("bucket", { replaces: true }), change("acl")]);
    expect(protectedChanges([planned], { types: ["*"] })[0]?.message).toContain(
      "replaced, because of bucket",
    );
  });
});
