import type { Budget, MeasuredStep } from "../contract/figures.ts";
import { SlipwayError } from "../errors.ts";

const MS_PER_SECOND = 1_000;
/** Nothing has been changed yet when one of these ends, so that failing it leaves the stack as it is. */
const MAY_FAIL: readonly MeasuredStep[] = ["build", "test", "gates-before"];
/** Steps that do something for each service. */
const OF_SERVICES: readonly MeasuredStep[] = ["build", "test"];

/** Throws `invalid_request` for budgets that would do harm, have no effect or contradict each other. */
export function checkBudgets(budgets: readonly Budget[]): void {
  const issues = budgets.flatMap(({ step, service, fails }, index) => {
    const path = `body.budgets.${index}`;
    return [
      ...(fails && !MAY_FAIL.includes(step)
        ? [{ path: `${path}.fails`, message: `has no use for ${step}: the resources are changed by then` }]
        : []),
      ...(service !== null && !OF_SERVICES.includes(step)
        ? [
            {
              path: `${path}.service`,
              message: `has no effect on ${step}, which is not done service by service`,
            },
          ]
        : []),
      ...(budgets.findIndex((other) => other.step === step && other.service === service) < index
        ? [{ path, message: "is there twice" }]
        : []),
    ];
  });
  if (issues.length === 0) return;
  throw new SlipwayError("invalid_request", "The budgets cannot be used.", {
    remedy: "Give each step, or service of a step, one budget; only build, test and gates-before may fail.",
    details: { issues },
  });
}

/** A run of a step, or of what it did for one service. */
export interface MeasuredRun {
  step: MeasuredStep;
  /** Null: the step as a whole. */
  service: string | null;
  succeeded: boolean;
  durationMs: number;
}

/** A budget that a run has gone beyond. */
export interface Excess {
  run: MeasuredRun;
  budget: Budget;
  /** In a sentence. */
  detail: string;
}

/** The budgets that runs have gone beyond, those that make the step fail first. A run that did not succeed is told by its failure. */
export function excessesOf(runs: readonly MeasuredRun[], budgets: readonly Budget[]): Excess[] {
  return runs
    .flatMap((run) => {
      const budget = budgets.find(({ step, service }) => step === run.step && service === run.service);
      if (budget === undefined || !run.succeeded || run.durationMs <= budget.mostSeconds * MS_PER_SECOND)
        return [];
      const what = run.service === null ? run.step : `${run.step} of ${run.service}`;
      const took = (run.durationMs / MS_PER_SECOND).toFixed(1);
      return [{ run, budget, detail: `${what} took ${took} s; its budget is ${budget.mostSeconds} s` }];
    })
    .sort((one, other) => Number(other.budget.fails) - Number(one.budget.fails));
}
