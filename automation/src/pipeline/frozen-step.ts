import type { Failure } from "../deployments/completion.ts";
import { SlipwayError } from "../errors.ts";
import { refuseFrozen } from "../freezes/refuse.ts";
import { passesFreezes } from "../freezes/store.ts";
import { holdWhileDatabaseIsAway } from "../state/hold.ts";
import type { AttemptRun } from "./attempt-run.ts";
import { failureOf } from "./attempt-run.ts";
import type { StepName } from "./operation-lists.ts";

/** Steps with which a change begins. What follows them belongs to a change that has been made. */
const BEGINS_A_CHANGE: readonly StepName[] = ["update", "refresh", "destroy"];

/**
 * Why a step must not begin now: a freeze whose window has begun since the deployment was requested. Null: it may. Asked at the last moment, because build, preview and votes take their time.
 */
export async function frozenMeanwhile(run: AttemptRun, step: StepName): Promise<Failure | null> {
  if (!BEGINS_A_CHANGE.includes(step)) return null;
  const { context, claim } = run;
  try {
    await holdWhileDatabaseIsAway(async () => {
      const passes = await passesFreezes(context.db, claim.deploymentId);
      if (run.results.rollback?.covered === true) return;
      await refuseFrozen(context.db, claim.stackId, { operation: claim.operation, ...passes });
    }, run.stop);
    return null;
  } catch (error) {
    if (!(error instanceof SlipwayError) || error.code !== "frozen") throw error;
    return failureOf("frozen", error);
  }
}
