import { rm } from "node:fs/promises";
import path from "node:path";
import { leaseLost } from "../../attempts/store.ts";
import { appendAudit } from "../../audit/store.ts";
import { subjectOf } from "../../audit/subject.ts";
import type { EngineOperation } from "../../engine/runner-protocol.ts";
import { RequestOutcome } from "../../engine/runner-protocol.ts";
import { withOpenCredentials } from "../../seals/loosen-plan.ts";
import { checkPlanFile, edgesOfPlan, readPlan, writePlan } from "../../seals/plan-file.ts";
import { putPreview } from "../../seals/previews-store.ts";
import { takeReport } from "../../seals/report-file.ts";
import { hasRules } from "../../seals/rule-set-store.ts";
import { withSecretChanges } from "../../seals/secret-changes.ts";
import { currentEdges } from "../../state/current-facts.ts";
import { holdWhileDatabaseIsAway } from "../../state/hold.ts";
import type { AttemptRun, Step, StepOutcome } from "../attempt-run.ts";
import { failureOf, keptResult } from "../attempt-run.ts";
import { clearPendingCreates } from "../clear-creates.ts";
import { principalOf } from "../context.ts";
import { bindToKeeper, letGoOfKeeper } from "../local-target.ts";
import { leaveOutReporting, recordDuringUpdate, tellPackTrouble, tellViolation } from "../policy-end.ts";
import { endedByPolicies, hasPolicies } from "../policy-findings.ts";
import { inFence } from "../record-release.ts";
import { failedEngine, runEngine } from "../run-engine.ts";

/** Previews what the deployment is about to do. Of an update the plan that binds it is saved. */
export async function preview(run: AttemptRun): Promise<StepOutcome> {
  const known = RequestOutcome.safeParse(keptResult(run, "preview")?.result);
  // What policies said went with the attempt that heard it.
  if (known.success && !hasPolicies(run)) {
    run.results.engine = known.data;
    return { state: "succeeded", detail: describeChanges(known.data.changes) };
  }
  const operation = previewOf(run);
  // A refresh makes the state say what is there: without anybody to decide about it, looking first would take as long as the refresh itself.
  if (operation === "preview-refresh" && !(await asksFirst(run)))
    return { state: "skipped", detail: "the stack has no rules that ask for it" };
  const reportPath = path.join(run.folder, "preview.json");
  const planPath = path.join(run.folder, "plan.json");
  const savesPlan = operation === "preview";
  const look = () => runEngine(run, "preview", operation, { reportPath, ...(savesPlan ? { planPath } : {}) });
  let outcome = await look();
  if (leaveOutReporting(run, outcome)) {
    // What the first look has written is not whole, and nobody writes over it.
    for (const file of [reportPath, planPath]) await rm(file, { force: true });
    outcome = await look();
  }
  const stoppedByPolicies = endedByPolicies(run.results.packs, outcome);
  if (run.results.packs !== undefined) run.results.packs.stopped = stoppedByPolicies;
  if (outcome.status !== "succeeded" && !stoppedByPolicies) {
    return tellPackTrouble(run, outcome, await failedEngine(run, operation, outcome));
  }
  try {
    // The engine saves no plan when a policy stops it: nothing can be bound to this preview, and the step for policies ends the deployment.
    await takePreview(run, reportPath, savesPlan && !stoppedByPolicies ? planPath : null);
  } catch (error) {
    return { state: "failed", failure: failureOf("preview_unreadable", error) };
  }
  if (run.claim.operation === "preview") run.results.engine = outcome;
  return { state: "succeeded", detail: describeChanges(outcome.changes), result: outcome };
}

function previewOf({ claim }: AttemptRun): Extract<EngineOperation, `preview${string}`> {
  if (claim.operation === "destroy") return "preview-destroy";
  return claim.operation === "refresh" ? "preview-refresh" : "preview";
}

function asksFirst({ context, claim, stop }: AttemptRun): Promise<boolean> {
  return holdWhileDatabaseIsAway(() => hasRules(context.db, claim.stackId), stop);
}

/** Keeps what the preview said for the steps after it, and for people. */
async function takePreview(run: AttemptRun, reportPath: string, planPath: string | null): Promise<void> {
  const { context, claim, stop, results } = run;
  const report = await takeReport(reportPath);
  const plan = planPath === null ? null : await readPlan(planPath);
  const edges =
    plan === null
      ? await holdWhileDatabaseIsAway(() => currentEdges(context.db, context.keyring, claim.stackId), stop)
      : edgesOfPlan(plan);
  const steps = report.steps.map((step) =>
    withSecretChanges({ ...step, dependencies: edges[step.urn] ?? [] }, plan?.resourcePlans?.[step.urn]),
  );
  results.previewed = { steps, counts: report.counts, providers: report.providers, plan };
  if (plan !== null && planPath !== null) {
    results.planFile = await writePlan(planPath, withOpenCredentials(plan, report.providers));
  }
  const isKept = await holdWhileDatabaseIsAway(
    () => putPreview(context.db, context.keyring, claim, { steps, counts: report.counts }),
    stop,
  );
  if (!isKept) throw leaseLost(claim);
}

/** Updates the stack, bound to the plan of this attempt's preview; unbound only when the request said to go without one. */
export const update: Step = async (run) => {
  const { planFile } = run.results;
  if (run.claim.options.skipPreview === true) return change(run, "update", undefined);
  try {
    if (planFile === undefined) throw new Error("There is no plan that binds the update.");
    await checkPlanFile(planFile);
  } catch (error) {
    return { state: "failed", failure: failureOf("plan_unreadable", error) };
  }
  return change(run, "update", planFile.path);
};
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
  await auditBinding(run, operation);
  const outcome = await runEngine(run, operation, operation, planPath === undefined ? {} : { planPath });
  run.results.engine = outcome;
  await recordDuringUpdate(run, operation);
  if (outcome.status !== "succeeded") return tellViolation(run, await failedEngine(run, operation, outcome));
  await letGoOfKeeper(run, operation);
  return { state: "succeeded", detail: describeChanges(outcome.changes) };
}

/** Says in the audit log what the change that begins now is held to. */
async function auditBinding(run: AttemptRun, operation: EngineOperation): Promise<void> {
  const { context, claim, results } = run;
  const { sealed } = results;
  if (sealed === undefined) return;
  await inFence(run, (trx) =>
    appendAudit(trx, {
      principal: principalOf(context),
      action: "deployment.update_bound",
      organisation: claim.organisation,
      subject: subjectOf(claim),
      details: {
        deployment: claim.deploymentId,
        attempt: claim.attempt,
        operation,
        seal: sealed.digest,
        binding: sealed.binding,
        ...(results.planFile === undefined ? {} : { plan: `sha256:${results.planFile.sha256}` }),
      },
      requestId: null,
    }),
  );
}

function describeChanges(changes: Readonly<Record<string, number>>): string {
  const parts = Object.entries(changes).filter(([, count]) => count > 0);
  return parts.length === 0
    ? "no resources"
    : parts.map(([operation, count]) => `${operation} ${count}`).join(", ");
}
