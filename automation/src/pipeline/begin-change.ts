import { begin } from "../approvals/begin.ts";
import type { Transaction } from "../database.ts";
import type { Failure } from "../deployments/completion.ts";
import { appendEvents } from "../deployments/events-store.ts";
import { readPromoted } from "../promotions/store.ts";
import { quarantined, refusedMeanwhile } from "../rollbacks/refusals.ts";
import type { AttemptRun, StepOutcome } from "./attempt-run.ts";
import { changeNow, changingOf } from "./change-now.ts";
import type { StepName } from "./operations.ts";
import { inFence } from "./record-release.ts";
import { markUpdating } from "./verification.ts";

/**
 * Records that the step begins which changes the stack, in the transaction that decides whether it may: whoever takes the attempt over knows that things may have changed, and nothing has begun that was
 * not approved. Answers undefined, or how the attempt ends instead.
 */
export async function beginChange(run: AttemptRun, step: StepName): Promise<StepOutcome | undefined> {
  await run.events.flush();
  return inFence(run, async (trx) => {
    // Build, preview and gates take their time, in which somebody may have refused what this brings.
    const refused = await refusedSince(trx, run);
    if (refused !== null) return { state: "failed", failure: refused } as const;
    const decision = await begin(trx, changingOf(run), await changeNow(run, trx));
    switch (decision.kind) {
      case "waits":
        return { state: "waits", detail: decision.detail, asks: "votes" } as const;
      case "over":
        return { state: "over", status: decision.status, failure: decision.failure } as const;
      case "go": {
        const at = run.context.clock.now().toISOString();
        const { deploymentId, attempt } = run.claim;
        if (step === "update") await markUpdating(trx, run);
        await appendEvents(
          trx,
          { deploymentId, attempt, fence: null },
          [{ at, body: { type: "step", step, state: "running", detail: decision.detail } }],
          [
            {
              name: step,
              state: "running",
              startedAt: at,
              finishedAt: null,
              detail: decision.detail,
              result: null,
            },
          ],
        );
        return undefined;
      }
    }
  });
}

async function refusedSince(trx: Transaction, { claim, promoted }: AttemptRun): Promise<Failure | null> {
  const refused = await refusedMeanwhile(trx, claim);
  if (refused !== null || promoted === null) return refused;
  const refusal = (await readPromoted(trx, claim.deploymentId))?.refusal ?? null;
  return refusal === null ? null : quarantined(refusal);
}
