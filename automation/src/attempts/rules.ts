import type { DeploymentOperation } from "../contract/deployments.ts";
import { BEGINNING_STEPS, changingStepOf } from "../pipeline/operations.ts";

/** So many attempts of one deployment may end with their worker or runner: one more and it is the program that ends them. */
export const MAX_CRASHES = 3;

/** The right to write that one attempt holds: every write of it names all three. */
export interface Fence {
  stackId: string;
  attemptId: string;
  epoch: number;
}

/** An attempt whose lease ran out, with what its deployment had come to. */
export interface LostAttempt extends Fence {
  workerId: string;
  deploymentId: string;
  attempt: number;
  organisation: string;
  project: string;
  stack: string;
  operation: DeploymentOperation;
  cause: "request" | "automatic-rollback";
  causedBy: string | null;
  cancelRequested: boolean;
  /** Names of the steps that were started. */
  startedSteps: string[];
}

/** What becomes of a deployment whose worker was lost. */
export type Takeover =
  /** Nothing had changed: it runs again. */
  | { kind: "requeue" }
  /** What it was for is done and recorded by the state backend: another worker does the rest of its steps. */
  | { kind: "resume" }
  | { kind: "cancelled" }
  /** Its program ends whoever runs it. */
  | { kind: "poison"; failure: { code: string; detail: string; remedy: string } }
  | { kind: "interrupted"; failure: { code: string; detail: string; remedy: string } };

/** What is known of an attempt that was lost. */
export interface LostSituation {
  startedSteps: readonly string[];
  cancelRequested: boolean;
  /** The engine has said that its update is complete, and the state backend has recorded it. */
  isComplete?: boolean;
  /** False: the state backend knows of no update that its engine has started, and starts none any more. Nothing can have been changed without one. */
  hasBegun?: boolean;
  /** Attempts of this deployment, this one included, that ended with their worker or runner although nobody had asked for it. */
  crashes?: number;
}

/** Whether the engine's updates tell all that a step may have changed. */
function isOfEngine(step: string): boolean {
  return BEGINNING_STEPS.some((name) => name === step);
}

/**
 * Before anything could change a resource the deployment just runs again. From there on nobody knows what was done, and a second run could do it twice: a person decides; unless the state
 * backend knows that all of it is done, so that only what follows is left to do, or that none of it was begun, so that it runs again.
 */
export function decideTakeover(lost: LostSituation): Takeover {
  const { startedSteps, cancelRequested, isComplete = false, hasBegun = true, crashes = 0 } = lost;
  const changing = changingStepOf(hasBegun ? startedSteps : startedSteps.filter((step) => !isOfEngine(step)));
  if (changing !== undefined && !isComplete) {
    return {
      kind: "interrupted",
      failure: {
        code: "worker_lost",
        detail: `The worker was lost during '${changing}'; what it had begun may or may not have been done.`,
        remedy: "Refresh the stack, so that the state says what is really there, then deploy again.",
      },
    };
  }
  if (cancelRequested && !isComplete) return { kind: "cancelled" };
  if (crashes >= MAX_CRASHES) {
    const where = startedSteps.at(-1);
    return {
      kind: "poison",
      failure: {
        code: "crashed_repeatedly",
        detail: `${crashes} attempts ended together with their worker or runner${where === undefined ? "" : `, the last during '${where}'`}. ${isComplete ? "The update itself is complete; what follows it crashed." : "No resource was changed."} This source with this config is quarantined on the stack.`,
        remedy:
          "Correct the program or its config and deploy again. When something else ended them, lift the quarantine: slipway quarantine list, slipway quarantine lift <id>.",
      },
    };
  }
  return { kind: isComplete ? "resume" : "requeue" };
}
