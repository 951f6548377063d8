import type { PlannedGraph, PlannedStep } from "../contract/previews.ts";

/** What needs what among the steps. What is not among them, such as a resource that was left out of a very large preview, has no edge. */
export function plannedGraph(steps: readonly PlannedStep[]): PlannedGraph["nodes"] {
  const places = new Map<string, number>();
  steps.forEach(({ urn }, place) => {
    if (!places.has(urn)) places.set(urn, place);
  });
  return steps.map(({ urn, operation, protect, parent, dependencies, changes }) => ({
    urn,
    operation,
    protect,
    parent: parent === null ? null : (places.get(parent) ?? null),
    dependencies: [...new Set(dependencies.flatMap((needed) => places.get(needed) ?? []))],
    replacing: changes.filter(({ replaces }) => replaces).map(({ path, known }) => ({ path, known })),
  }));
}
