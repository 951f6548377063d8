import path from "node:path";
import type { EngineOperation } from "../../engine/runner-protocol.ts";
import { RequestOutcome } from "../../engine/runner-protocol.ts";
import type { AttemptRun, Step, StepOutcome } from "../attempt-run.ts";
import { keptResult } from "../attempt-run.ts";
import { clearPendingCreates } from "../clear-creates.ts";
import { bindToKeeper, letGoOfKeeper } from "../local-target.ts";
import { failedEngine, runEngine } from "../run-engine.ts";

/** Previews, and saves the plan that binds the update after it. */
export async function preview(run: AttemptRun): Promise<StepOutcome> {
  const known = RequestOutcome.safeParse(keptResult(run, "preview")?.result);
  if (known.success) {
    run.results.engine = known.data;
    return { state: "succeeded", detail: describeChanges(known.data.changes) };
  }
  const isBound = run.claim.operation !== "preview";
  const planPath = path.join(run.folder, "plan.json");
  const outcome = await runEngine(run, "preview", "preview", isBound ? planPath : undefined);
  if (outcome.status !== "succeeded") return failedEngine(run, "preview", outcome);
  if (isBound) run.results.planPath = planPath;
  else run.results.engine = outcome;
  return { state: "succeeded", detail: describeChanges(outcome.changes), result: outcome };
}

/** Updates the stack, bound to the plan when there was a preview. */
export const update: Step = (run) => change(run, "update", run.results.planPath);
export const refresh: Step = async (run) => {
  await clearPendingCreates(run);
  return change(run, "refresh", undefined);
};
export const destroy: Step = (run) => change(run, "destroy", undefined);

async function change(
  run: AttemptRun,
  operation: EngineOperation,
  planPath: string | undefined,
): Promise<StepOutcome> {
  const failure = await bindToKeeper(run);
  if (failure !== null) return { state: "failed", failure };
  const outcome = await runEngine(run, operation, operation, planPath);
  run.results.engine = outcome;
  if (outcome.status !== "succeeded") return failedEngine(run, operation, outcome);
  await letGoOfKeeper(run, operation);
  return { state: "succeeded", detail: describeChanges(outcome.changes) };
}

function describeChanges(changes: Readonly<Record<string, number>>): string {
  const parts = Object.entries(changes).filter(([, count]) => count > 0);
  return parts.length === 0
    ? "no resources"
    : parts.map(([operation, count]) => `${operation} ${count}`).join(", ");
}
