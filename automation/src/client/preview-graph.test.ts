import { expect, test } from "vitest";
import type { PlannedStep } from "../contract/previews.ts";
import { byDanger, plannedResources, sortOperations } from "./planned-resources.ts";
import { downstreamOf, previewGraph, replaceChains } from "./preview-graph.ts";

function step(name: string, more: Partial<PlannedStep> = {}): PlannedStep {
  return {
    urn: name,
    type: "t:i:T",
    name,
    operation: "update",
    provider: null,
    parent: null,
    dependencies: [],
    protect: false,
    changes: [],
    ...more,
  };
}
const replacing = (path: string, known = true): PlannedStep["changes"] => [
  { path, kind: "update", replaces: true, before: 1, after: known ? 2 : null, known },
];

test("the parts of a replacement are one row with what changes and why, in whatever order they come", () => {
  const parts = [
    step("a", { operation: "delete-replaced", protect: true, dependencies: ["x"] }),
    step("a", { operation: "replace", changes: replacing("size") }),
    step("a", { operation: "create-replacement", changes: replacing("size"), dependencies: ["y"] }),
  ];
  for (const steps of [parts, parts.toReversed()]) {
    const [row, ...others] = plannedResources(steps);
    expect(others).toEqual([]);
    expect(row).toMatchObject({ operation: "replace", protect: true, changes: replacing("size") });
    expect(new Set(row?.dependencies)).toEqual(new Set(["x", "y"]));
  }
});

test("what can lose something comes first; a word that nobody knows comes before all", () => {
  const rows = ["same", "create", "delete", "update", "transmute", "replace"].map((operation) =>
    step(operation, { operation }),
  );
  expect(byDanger(rows).map(({ operation }) => operation)).toEqual([
    "transmute",
    "replace",
    "delete",
    "update",
    "create",
    "same",
  ]);
  const counts = sortOperations(Object.entries({ same: 3, delete: 2, transmute: 1 }));
  expect(counts).toEqual(Object.entries({ transmute: 1, delete: 2, same: 3 }));
});

test("the cone of a resource holds what needs it through others, what is below it, and not itself", () => {
  const graph = previewGraph([
    step("stack", { type: "pulumi:pulumi:Stack" }),
    step("net", { parent: "stack" }),
    step("subnet", { parent: "net" }),
    step("db", { dependencies: ["subnet"], parent: "stack" }),
    step("app", { dependencies: ["db", "gone"], parent: "stack" }),
    step("other", { parent: "stack" }),
  ]);
  expect(downstreamOf(graph, "net")).toEqual(new Set(["subnet", "db", "app"]));
  expect(downstreamOf(graph, "app")).toEqual(new Set());
  // Through the stack everything would need everything.
  expect(graph.resources.has("stack")).toBe(false);
  expect(graph.edges).toHaveLength(3);
});

test("a circle ends, and a chain of 5,000 resources takes no time", () => {
  const circle = previewGraph([step("a", { dependencies: ["b"] }), step("b", { dependencies: ["a"] })]);
  expect(downstreamOf(circle, "a")).toEqual(new Set(["b"]));
  const chain = previewGraph(
    Array.from({ length: 5_000 }, (_, index) =>
      step(`r${index}`, { dependencies: index === 0 ? [] : [`r${index - 1}`] }),
    ),
  );
  const began = performance.now();
  expect(downstreamOf(chain, "r0").size).toBe(4_999);
  expect(performance.now() - began).toBeLessThan(500);
});

test("a replacement is led on to what needs it, with the property that carries it on", () => {
  const graph = previewGraph([
    step("leaf", {
      operation: "replace",
      dependencies: ["mid"],
      changes: [...replacing("cidr"), ...replacing("mid", false)],
    }),
    step("mid", { operation: "replace", dependencies: ["top"], changes: replacing("top", false) }),
    step("top", { operation: "replace", changes: replacing("zone") }),
    step("kept", { dependencies: ["top"] }),
    step("alone", { operation: "replace", changes: replacing("name") }),
  ]);
  expect(
    replaceChains(graph).map(({ resource, depth, properties }) => [resource.name, depth, properties]),
  ).toEqual([
    ["top", 0, ["zone"]],
    ["mid", 1, ["top"]],
    ["leaf", 2, ["cidr", "mid"]],
    ["alone", 0, ["name"]],
  ]);
  const edge = (from: string, to: string) => graph.edges.find((one) => one.from === from && one.to === to);
  expect(edge("mid", "leaf")?.carries).toEqual(["mid"]);
  expect(edge("top", "kept")?.carries).toEqual([]);
});

test("an edge that is both a need and a child is one edge", () => {
  const graph = previewGraph([step("p"), step("c", { parent: "p", dependencies: ["p", "p"] })]);
  expect(graph.edges).toEqual([{ from: "p", to: "c", kind: "dependency", carries: [] }]);
});
