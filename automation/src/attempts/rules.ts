import { changingStepOf } from "../pipeline/operations.ts";

/** What becomes of a deployment whose worker was lost. */
export type Takeover =
  | { kind: "requeue" }
  | { kind: "cancelled" }
  | { kind: "interrupted"; failure: { code: string; detail: string; remedy: string } };

/**
 * Before anything could change a resource the deployment just runs again. From there on nobody knows what was done, and a second run could do it twice: a person decides.
 */
export function decideTakeover(lost: {
  startedSteps: readonly string[];
  cancelRequested: boolean;
}): Takeover {
  const changing = changingStepOf(lost.startedSteps);
  if (changing !== undefined) {
    return {
      kind: "interrupted",
      failure: {
        code: "worker_lost",
        detail: `The worker was lost during '${changing}'; what it had begun may or may not have been done.`,
        remedy: "Refresh the stack, so that the state says what is really there, then deploy again.",
      },
    };
  }
  return lost.cancelRequested ? { kind: "cancelled" } : { kind: "requeue" };
}
