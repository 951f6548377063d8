import type { PlannedStep } from "../contract/previews.ts";
import { SECRET_VALUE } from "../contract/previews.ts";
import { isSealedValue } from "../engine/property-changes.ts";
import type { ResourcePlan } from "./plan-file.ts";

/**
 * A step with the secrets that it changes. The events of a preview show a secret before and after as the same mark, so that only the plan knows that it becomes another one; of its value nothing
 * is told here either.
 */
export function withSecretChanges(step: PlannedStep, plan: ResourcePlan | undefined): PlannedStep {
  if (step.operation !== "update" && step.operation !== "replace") return step;
  const told = new Set(step.changes.map(({ path }) => propertyOf(path)));
  const changed = Object.entries(plan?.goal?.inputDiff?.updates ?? {})
    .filter(([name, value]) => !told.has(name) && holdsSecret(value))
    .map(([path]) => ({
      path,
      kind: "update" as const,
      replaces: false,
      before: SECRET_VALUE,
      after: SECRET_VALUE,
      known: true,
    }));
  return changed.length === 0 ? step : { ...step, changes: [...step.changes, ...changed] };
}

/** `tags` of `tags.owner` and `tags[0]`. */
function propertyOf(path: string): string {
  return path.split(/[.[]/u, 1)[0] ?? path;
}

function holdsSecret(value: unknown): boolean {
  if (isSealedValue(value)) return true;
  return typeof value === "object" && value !== null && Object.values(value).some(holdsSecret);
}
