import fc from "fast-check";
import { expect, test } from "vitest";
import type { StateResource } from "../contract/updates.ts";
import { resourceTree } from "./resource-tree.ts";

function resource(urn: string, parent: string | null, id: string | null = null): StateResource {
  return {
    urn,
    type: "t",
    name: urn,
    id,
    parent,
    provider: null,
    protect: false,
    external: false,
    pendingDeletion: false,
  };
}
const shown = (resources: readonly StateResource[]) =>
  resourceTree(resources).map(({ resource: { urn }, depth }) => `${" ".repeat(depth)}${urn}`);

test("children are below their parents, in the order of the state", () => {
  const resources = [
    resource("stack", null),
    resource("a", "stack"),
    resource("b", "stack"),
    resource("a1", "a"),
    resource("b1", "b"),
    resource("a2", "a"),
  ];
  expect(shown(resources)).toEqual(["stack", " a", "  a1", "  a2", " b", "  b1"]);
});

test("one whose parent is gone is at the top, and a predecessor that shares its URN is not lost", () => {
  expect(shown([resource("x", "gone"), resource("y", "x"), resource("x", "gone", "old")])).toEqual([
    "x",
    " y",
    "x",
  ]);
});

test("every resource is there once, whatever the parents are, circles included", () => {
  const name = fc.constantFrom("a", "b", "c", "d", "e");
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.option(name))), (pairs) => {
      const resources = pairs.map(([urn, parent]) => resource(urn, parent));
      const rows = resourceTree(resources).map((row) => row.resource);
      expect(rows).toHaveLength(resources.length);
      expect(new Set(rows)).toEqual(new Set(resources));
    }),
  );
});
