import type { PlannedGraph, PlannedStep } from "@slipway/automation/contract";

/** The steps of a graph as a preview has them, without the values of their properties. */
export function graphSteps({ nodes }: PlannedGraph): PlannedStep[] {
  const urnOf = (place: number): string[] => {
    const urn = nodes[place]?.urn;
    return urn === undefined ? [] : [urn];
  };
  return nodes.map(({ parent, dependencies, replacing, ...step }) => ({
    ...step,
    ...partsOf(step.urn),
    provider: null,
    parent: parent === null ? null : (urnOf(parent)[0] ?? null),
    dependencies: dependencies.flatMap(urnOf),
    changes: replacing.map(({ path, known }) => ({
      path,
      known,
      kind: "update",
      replaces: true,
      before: null,
      after: null,
    })),
  }));
}

/** The name of a resource is the end of its URN; its type comes after the types of its parents. */
function partsOf(urn: string): { type: string; name: string } {
  const [, , types = "", ...names] = urn.slice("urn:pulumi:".length).split("::");
  return { type: types.slice(types.lastIndexOf("$") + 1), name: names.join("::") };
}
