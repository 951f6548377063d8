import { OPERATIONS_BY_DANGER, type PlannedStep } from "../contract/previews.ts";

/** Which steps of a preview somebody wants to see. */
export interface StepFilter {
  operation?: string | undefined;
  /** Part of the name, the type or the URN, whatever the case. */
  search?: string | undefined;
  /** Leave out what stays as it is. */
  changed?: boolean;
}

/** The steps that fit, what can lose something first; equal ones in the order of the preview. `from`: how many were shown before. Answers up to `limit + 1`. */
export function pageOfSteps(
  steps: readonly PlannedStep[],
  { operation, search, changed = false }: StepFilter,
  { from, limit }: { from: number; limit: number },
): PlannedStep[] {
  const wanted = search?.toLowerCase();
  const fitting = steps.filter(
    (step) =>
      (operation === undefined || step.operation === operation) &&
      (!changed || (step.operation !== "same" && step.operation !== "read")) &&
      (wanted === undefined || `${step.urn} ${step.type}`.toLowerCase().includes(wanted)),
  );
  return fitting.sort((a, b) => rank(a) - rank(b)).slice(from, from + limit + 1);
}

function rank({ operation }: PlannedStep): number {
  return OPERATIONS_BY_DANGER.indexOf(operation);
}
