import { OPERATIONS_BY_DANGER, type PlannedStep } from "../contract/previews.ts";

/** What a preview says about one resource, its parts put together: a replacement is a creation and a deletion under one URN. */
export type PlannedResource = PlannedStep;

const REPLACEMENT = new Set([
  "replace",
  "create-replacement",
  "delete-replaced",
  "import-replacement",
  "read-replacement",
  "discard-replaced",
]);

/** One row a resource, in the order of the steps. */
export function plannedResources(steps: readonly PlannedStep[]): PlannedResource[] {
  const rows = new Map<string, PlannedResource>();
  for (const step of steps) {
    const before = rows.get(step.urn);
    const operation = operationOf(step.operation);
    if (before === undefined) {
      rows.set(step.urn, { ...step, operation });
      continue;
    }
    // Of two parts the one that says what changes and why is kept: a deletion knows neither.
    const fuller = step.changes.length > before.changes.length ? step : before;
    rows.set(step.urn, {
      ...fuller,
      operation: rankOf(operation) < rankOf(before.operation) ? operation : before.operation,
      protect: step.protect || before.protect,
      dependencies: [...new Set([...before.dependencies, ...step.dependencies])],
    });
  }
  return [...rows.values()];
}

/** The word for all parts of a replacement; any other operation is answered as it is. */
function operationOf(operation: string): string {
  return REPLACEMENT.has(operation) ? "replace" : operation;
}

/** Whether the preview leaves the resource as it is. */
export function staysAsIs({ operation }: Pick<PlannedStep, "operation">): boolean {
  return operation === "same" || operation === "read";
}

/** The same resources, those that can lose something first; equal ones in their own order. */
export function byDanger<Row extends Pick<PlannedStep, "operation">>(rows: readonly Row[]): Row[] {
  return rows.toSorted((a, b) => rankOf(a.operation) - rankOf(b.operation));
}

/** Counts by operation, those that can lose something first. */
export function sortOperations(counts: readonly [string, number][]): [string, number][] {
  return counts.toSorted(([a], [b]) => rankOf(a) - rankOf(b));
}

/** Paths of the properties that make it a replacement. */
export function replacingPaths({ changes }: Pick<PlannedStep, "changes">): string[] {
  return changes.filter(({ replaces }) => replaces).map(({ path }) => path);
}

function rankOf(operation: string): number {
  const place = OPERATIONS_BY_DANGER.indexOf(operation);
  // A word that nobody here knows may be anything.
  return place < 0 ? -1 : place;
}
