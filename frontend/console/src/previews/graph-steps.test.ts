import { expect, test } from "vitest";
import { graphSteps } from "./graph-steps.ts";

const node = { operation: "update", protect: false, parent: null, dependencies: [], replacing: [] };

test("type and name come from the URN, and places become URNs", () => {
  const top = "urn:pulumi:dev::p::harbour:index:Network::network";
  const child = "urn:pulumi:dev::p::harbour:index:Network$thing:index:Thing::a::b";
  const steps = graphSteps({
    attempt: 1,
    truncated: false,
    nodes: [
      { ...node, urn: top },
      { ...node, urn: child, parent: 0, dependencies: [0, 9], replacing: [{ path: "size", known: false }] },
    ],
  });
  expect(steps[0]).toMatchObject({ type: "harbour:index:Network", name: "network", parent: null });
  expect(steps[1]).toMatchObject({
    type: "thing:index:Thing",
    name: "a::b",
    parent: top,
    dependencies: [top],
    changes: [{ path: "size", replaces: true, known: false }],
  });
});
