import { expect, test } from "vitest";
import type { PlannedStep } from "../contract/previews.ts";
import { pageOfSteps } from "./page-steps.ts";
import { plannedGraph } from "./planned-graph.ts";

function step(name: string, more: Partial<PlannedStep> = {}): PlannedStep {
  return {
    urn: `urn:pulumi:dev::p::t:i:T::${name}`,
    type: "t:i:T",
    name,
    operation: "same",
    provider: null,
    parent: null,
    dependencies: [],
    protect: false,
    changes: [],
    ...more,
  };
}
const steps = [
  step("kept"),
  step("new", { operation: "create" }),
  step("odd", { operation: "transmute" }),
  step("Gone", { operation: "delete" }),
  step("moved", { operation: "replace" }),
];
const names = (filter: Parameters<typeof pageOfSteps>[1], place = { from: 0, limit: 10 }) =>
  pageOfSteps(steps, filter, place).map(({ name }) => name);

test("what can lose something comes first, and a word that nobody knows before all", () => {
  expect(names({})).toEqual(["odd", "moved", "Gone", "new", "kept"]);
  expect(names({ changed: true })).toEqual(["odd", "moved", "Gone", "new"]);
});

test("steps are found by operation and by a part of name or type, whatever the case", () => {
  expect(names({ operation: "delete" })).toEqual(["Gone"]);
  expect(names({ search: "gONE" })).toEqual(["Gone"]);
  expect(names({ search: "i:t", operation: "create" })).toEqual(["new"]);
});

test("a page says by one more whether there is another", () => {
  expect(names({}, { from: 0, limit: 2 })).toHaveLength(3);
  expect(names({}, { from: 4, limit: 2 })).toEqual(["kept"]);
});

test("the graph names what is needed by its place, and nothing that is not there", () => {
  const [parent, child, other] = [step("parent"), step("child"), step("other")];
  const nodes = plannedGraph([
    parent,
    { ...child, parent: parent.urn, dependencies: [other.urn, other.urn, "urn:gone"] },
    {
      ...other,
      parent: "urn:gone",
      operation: "replace",
      changes: [
        { path: "size", kind: "update", replaces: true, before: "a secret?", after: null, known: false },
      ],
    },
  ]);
  expect(nodes.map(({ parent, dependencies }) => [parent, dependencies])).toEqual([
    [null, []],
    [0, [2]],
    [null, []],
  ]);
  expect(nodes[2]?.replacing).toEqual([{ path: "size", known: false }]);
  expect(JSON.stringify(nodes)).not.toContain("a secret?");
});
