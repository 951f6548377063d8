import { subjectOf } from "../audit/subject.ts";
import { MeasuredStep } from "../contract/figures.ts";
import { messageOf } from "../errors.ts";
import type { Excess, MeasuredRun } from "../figures/rules.ts";
import { excessesOf } from "../figures/rules.ts";
import { budgetsOfStep, recordRuns } from "../figures/store.ts";
import { enqueueNotification } from "../notifications/outbox-store.ts";
import { holdWhileDatabaseIsAway } from "../state/hold.ts";
import type { AttemptRun, Step, StepOutcome } from "./attempt-run.ts";
import { keptResult } from "./attempt-run.ts";

/**
 * Does a step and records how long it took. One that went beyond a budget which fails it has failed; beyond another it says so, and a message goes out. What was stopped, left out or kept from an
 * earlier attempt has no duration.
 */
export async function measureStep(run: AttemptRun, name: string, step: Step): Promise<StepOutcome> {
  const measured = MeasuredStep.safeParse(name);
  if (!measured.success || keptResult(run, measured.data) !== undefined) return step(run);
  const { clock } = run.context;
  const startedMs = clock.monotonicMs();
  const outcome = await step(run);
  if (outcome.state !== "succeeded" && outcome.state !== "failed") return outcome;
  const whole: MeasuredRun = {
    step: measured.data,
    service: null,
    succeeded: outcome.state === "succeeded",
    durationMs: clock.monotonicMs() - startedMs,
  };
  const runs = [whole, ...run.results.serviceRuns.filter((one) => one.step === measured.data)];
  const excesses = await recorded(run, measured.data, runs);
  const [worst] = excesses;
  if (worst === undefined || outcome.state === "failed") return outcome;
  if (worst.budget.fails) {
    const remedy = "Make it faster, or raise the budget: slipway figures budgets.";
    return { state: "failed", failure: { code: "budget_exceeded", detail: `${worst.detail}.`, remedy } };
  }
  const told = excesses.map(({ detail }) => detail).join("; ");
  return { ...outcome, detail: outcome.detail === undefined ? told : `${outcome.detail}; ${told}` };
}

/** Records runs and tells of budgets that only say so. A figure that cannot be written is no reason to fail a deployment. */
async function recorded(
  run: AttemptRun,
  step: MeasuredStep,
  runs: readonly MeasuredRun[],
): Promise<Excess[]> {
  const { claim, context } = run;
  try {
    return await holdWhileDatabaseIsAway(
      () =>
        context.db.transaction().execute(async (trx) => {
          const excesses = excessesOf(runs, await budgetsOfStep(trx, claim.stackId, step));
          if ((await recordRuns(trx, claim, runs)) === 0) return excesses;
          const { organisation, project, stack, deploymentId } = claim;
          for (const { run: slow, budget, detail } of excesses) {
            if (budget.fails) continue;
            await enqueueNotification(trx, {
              organisation,
              kind: "budget.exceeded",
              subject: subjectOf({ organisation, project, stack }),
              body: {
                what: `In deployment ${claim.number}, ${detail}.`,
                who: claim.requestedBy,
                why: null,
                nextAction: "See how it took before: slipway figures.",
                page: `/deployments/${deploymentId}`,
              },
              dedupeKey: `${deploymentId} ${slow.step} ${slow.service ?? ""}`,
            });
          }
          return excesses;
        }),
      run.stop,
    );
  } catch (error) {
    context.logger.warn(
      { deployment: claim.deploymentId, step, error: messageOf(error) },
      "how long a step took was not recorded",
    );
    return [];
  }
}
