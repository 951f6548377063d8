import { readGuard } from "../../approvals/rule-sets-store.ts";
import type { IrreversibleStep } from "../../contract/verification.ts";
import { readRecordedFacts } from "../../rollbacks/facts-store.ts";
import { irreversibleSteps } from "../../rollbacks/irreversible.ts";
import { isConsentTo, isCovered } from "../../rollbacks/rules.ts";
import { askConsent, readConsent, readSettings } from "../../rollbacks/store.ts";
import { currentFacts } from "../../state/current-facts.ts";
import { holdWhileDatabaseIsAway } from "../../state/hold.ts";
import type { AttemptRun, StepOutcome } from "../attempt-run.ts";
import { inFence } from "../record-release.ts";

/**
 * Names what a rollback cannot undo, by this attempt's preview on today's state, and waits until a person has agreed to exactly that. What was agreed to before is void when the steps are others
 * now. Without such a step nothing is asked.
 */
export async function consent(run: AttemptRun): Promise<StepOutcome> {
  const { claim, context } = run;
  const isRemoval = claim.operation === "destroy" && claim.cause === "automatic-rollback";
  if (claim.operation !== "rollback" && !isRemoval)
    return { state: "skipped", detail: "nothing asks for it" };
  const { steps, settings } = await holdWhileDatabaseIsAway(
    async () => ({
      steps: await stepsOfRollback(run, isRemoval),
      settings: await readSettings(context.db, claim.stackId),
    }),
    run.stop,
  );
  const covered = isCovered(settings, { cause: claim.cause, irreversible: steps.length });
  run.results.rollback = { covered, asks: false, steps };
  if (steps.length === 0) return { state: "succeeded", detail: "nothing that cannot be undone" };
  await run.events.flush();
  const isGiven = await inFence(run, async (trx) => {
    const before = await readConsent(trx, claim.deploymentId);
    const keeps = isConsentTo(before?.consented ?? null, steps);
    await askConsent(trx, claim.deploymentId, steps, keeps);
    return keeps;
  });
  if (isGiven) return { state: "succeeded", detail: `agreed to, of ${countOf(steps)}` };
  run.results.rollback = { covered, asks: true, steps };
  const named = steps.map(({ detail }) => detail).join(" ");
  return { state: "waits", detail: `Waits until somebody agrees to ${countOf(steps)}: ${named}` };
}

function countOf(steps: readonly IrreversibleStep[]): string {
  return steps.length === 1 ? "one step that nobody can undo" : `${steps.length} steps that nobody can undo`;
}

/** What is known of the rollback. Throws without a preview: what nobody looked at must not pass for harmless. */
async function stepsOfRollback(run: AttemptRun, isRemoval: boolean): Promise<IrreversibleStep[]> {
  const { claim, context, results } = run;
  if (results.previewed === undefined) throw new Error("consent is about a preview, and there is none");
  const { db, keyring } = context;
  const guard = await readGuard(db, claim.stackId);
  const current = await currentFacts(db, keyring, claim.stackId);
  const recorded = await readRecordedFacts(db, claim.stackId, claim);
  return irreversibleSteps({
    steps: results.previewed.steps,
    // Nothing brings back what a first deployment created: each of it is agreed to.
    moreStateful: isRemoval ? ["*"] : (guard?.rules.statefulTypes ?? []),
    targetLevel: recorded.targetLevel,
    crossed: recorded.crossed,
    plugins: { now: current?.facts.plugins ?? [], target: recorded.targetPlugins },
    pendingCreates: (current?.facts.pendingOperations ?? []).filter(
      ({ operation, custom }) => operation === "creating" && custom,
    ),
  });
}
