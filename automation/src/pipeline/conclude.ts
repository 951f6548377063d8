import { appendAudit } from "../audit/store.ts";
import type { Transaction } from "../database.ts";
import { countsOf, describeAccount } from "../deployments/account-rules.ts";
import type { Failure } from "../deployments/completion.ts";
import {
  awaitApproval,
  endDeployment,
  startAutomaticRollback,
  subjectOf,
} from "../deployments/completion.ts";
import { decideByGates, startsRollback } from "../releases/rules.ts";
import { decideHealth, newestGoodRelease, pinnedRelease, quarantine } from "../releases/store.ts";
import type { AttemptRun } from "./attempt-run.ts";
import { concludeLoss } from "./conclude-lost.ts";
import { principalOf } from "./context.ts";
import { recordChanges } from "./facts-store.ts";
import { changingStepOf } from "./operations.ts";
import type { ReleaseFacts } from "./record-release.ts";
import { appendStep, auditRelease, inFence, recordRelease } from "./record-release.ts";
import { settleUpdates } from "./settle-updates.ts";

/*
 * The last transaction of an attempt. Whoever calls one of these has ended the containment first: the stack is freed here, and nothing of the attempt may run on.
 */

/** All steps succeeded. `facts` are those of the state after them; null without a release. */
export async function concludeSuccess(run: AttemptRun, facts: ReleaseFacts | null): Promise<void> {
  const { claim, context, results } = run;
  await run.events.flush();
  await inFence(run, async (trx) => {
    if (facts !== null) {
      const release = results.release ?? (await recordRelease(trx, run, facts, "good"));
      if (results.release !== undefined) {
        await decideHealth(trx, release.id, "good");
        await auditRelease(trx, run, "release.marked_good", release.number, {});
      }
      await appendStep(trx, run, "release", `release ${release.number}`);
    }
    await recordChanges(trx, claim.deploymentId, results.engine?.changes);
    await endDeployment(trx, context, claim, {
      status: "succeeded",
      failure: null,
      principal: principalOf(context),
    });
  });
}

/** A step failed. Undoes an update by a rollback when the rules say so and there is a release to go back to. */
export async function concludeFailure(run: AttemptRun, step: string, failure: Failure): Promise<void> {
  const { claim, context, results } = run;
  const rollsBack = startsRollback({
    operation: claim.operation,
    cause: claim.cause,
    cancelled: false,
    updateFailedHalfway: step === "update" && run.account.hasBegun(),
    gates: step === "gates-after" ? decideByGates(results.gates) : null,
  });
  await run.events.flush();
  await inFence(run, async (trx) => {
    await recordChanges(trx, claim.deploymentId, results.engine?.changes);
    if (
      results.release !== undefined &&
      step === "gates-after" &&
      decideByGates(results.gates).kind === "bad"
    ) {
      await decideHealth(trx, results.release.id, "bad");
      await auditRelease(trx, run, "release.marked_bad", results.release.number, { reason: failure.detail });
    }
    // What was begun and not ended must be known also of one that says itself that it failed.
    if (changingStepOf([step]) !== undefined && step !== "gates-after")
      await settleUpdates(trx, context, claim, "expired");
    if (rollsBack) await undo(trx, run, failure);
    else
      await endDeployment(trx, context, claim, {
        status: "failed",
        failure,
        principal: principalOf(context),
      });
  });
}

/** Without a release to go back to nothing is quarantined either: refusing to try again would leave the stack as broken as it is. */
async function undo(trx: Transaction, run: AttemptRun, failure: Failure): Promise<void> {
  const { claim, context } = run;
  const principal = principalOf(context);
  if (claim.sourceDigest === null) throw new Error("an update without a source cannot have run");
  const content = { sourceDigest: claim.sourceDigest, configDigest: claim.configDigest };
  const number = await newestGoodRelease(trx, claim.stackId, content);
  const target = number === null ? undefined : await pinnedRelease(trx, claim.stackId, number);
  if (target === undefined) {
    const ending: Failure = {
      ...failure,
      detail: `${failure.detail} There is no good release to roll back to; the resources stay as they are.`,
      remedy: "Correct what the message names and deploy again.",
    };
    await endDeployment(trx, context, claim, { status: "failed", failure: ending, principal });
    return;
  }
  const { stackId, deploymentId } = claim;
  await quarantine(trx, { stackId, ...content, reason: failure.detail, kind: "health", deploymentId });
  await appendAudit(trx, {
    principal,
    action: "quarantine.set",
    organisation: claim.organisation,
    subject: subjectOf(claim),
    details: { deployment: claim.deploymentId, ...content },
    requestId: null,
  });
  await startAutomaticRollback(trx, context, claim, target, failure, principal);
}

/** People have to decide: the attempt ends and the stack is free until they have. */
export async function concludeWaiting(run: AttemptRun, detail: string): Promise<void> {
  const { claim, context } = run;
  await run.events.flush();
  await inFence(run, (trx) => awaitApproval(trx, context, claim, detail));
}

/** What was approved is no longer what would run, or was not approved. Nothing has been changed. */
export async function concludeOver(
  run: AttemptRun,
  status: "stale" | "rejected" | "expired",
  failure: Failure,
): Promise<void> {
  const { claim, context } = run;
  await run.events.flush();
  await inFence(run, (trx) =>
    endDeployment(trx, context, claim, { status, failure, principal: principalOf(context) }),
  );
}

/** Somebody cancelled. The failure says what is known of each resource. */
export async function concludeCancel(run: AttemptRun, startedSteps: readonly string[]): Promise<void> {
  const { claim, context, results } = run;
  await run.events.flush();
  await inFence(run, async (trx) => {
    await recordChanges(trx, claim.deploymentId, results.engine?.changes);
    const hasChanged = changingStepOf(startedSteps) !== undefined;
    const account = hasChanged ? await settleUpdates(trx, context, claim, "cancelled") : null;
    const detail = `Cancelled. ${account === null ? "No resource was changed." : describeAccount(account)}`;
    const { done, unknown } = account === null ? { done: 0, unknown: 0 } : countsOf(account);
    const remedy =
      done + unknown === 0
        ? null
        : "Refresh the stack, so that the state says what is really there; then deploy again (slipway continue does both) or roll back.";
    await endDeployment(trx, context, claim, {
      status: "cancelled",
      failure: { code: "cancelled", detail, remedy },
      principal: principalOf(context),
    });
  });
}

/** The worker is asked to end, or lost its runner: what has changed nothing runs again, the rest is told honestly. */
export async function concludeLost(
  run: AttemptRun,
  startedSteps: readonly string[],
  { why, crashed }: { why: string; crashed: boolean },
): Promise<void> {
  const { claim, context } = run;
  await run.events.flush();
  await inFence(run, (trx) => {
    const lost = {
      ...claim,
      workerId: context.workerId,
      cancelRequested: false,
      startedSteps: [...startedSteps],
    };
    return concludeLoss(trx, context, lost, { why, crashed, principal: principalOf(context) });
  });
}
