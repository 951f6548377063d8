import { setAside } from "../approvals/begin.ts";
import type { Transaction } from "../database.ts";
import { countsOf, describeAccount } from "../deployments/account-rules.ts";
import type { Failure } from "../deployments/completion.ts";
import { awaitApproval, endDeployment } from "../deployments/completion.ts";
import { requeueWaiting } from "../deployments/end-waiting.ts";
import { decideByGates } from "../releases/rules.ts";
import { decideHealth } from "../releases/store.ts";
import { holdForConsent } from "../rollbacks/consent.ts";
import { decideAfterFailure } from "../rollbacks/rules.ts";
import { holdAttempt, markBad, undo } from "../rollbacks/undo.ts";
import { lockVerification, moveVerification } from "../rollbacks/verification-store.ts";
import type { AttemptRun } from "./attempt-run.ts";
import { changeNow, changingOf } from "./change-now.ts";
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
      await verify(trx, run, `release ${release.number} is good`);
    }
    await recordChanges(trx, claim.deploymentId, results.engine?.changes);
    await endDeployment(trx, context, claim, {
      status: "succeeded",
      failure: null,
      principal: principalOf(context),
    });
  });
}

/** Good is only what has been verified, if only by gates that there are none of. */
async function verify(trx: Transaction, run: AttemptRun, reason: string): Promise<void> {
  const { claim, context, results } = run;
  const principal = principalOf(context);
  const gates = results.gates.map(({ name, verdict }) => ({ name, verdict }));
  // Of one that an earlier program began nothing was noted.
  if ((await lockVerification(trx, claim.deploymentId)) === null) return;
  await moveVerification(trx, claim, "verifying", { reason: "the update is complete", principal });
  await moveVerification(trx, claim, "succeeded", { reason, evidence: { gates }, principal });
}

/** A step failed. What an update did is undone, or held for a person, when the rules say so. */
export async function concludeFailure(run: AttemptRun, step: string, failure: Failure): Promise<void> {
  const { claim, context, results } = run;
  const gates = step === "gates-after" ? decideByGates(results.gates) : null;
  const after = decideAfterFailure({
    operation: claim.operation,
    cause: claim.cause,
    ending: "failed",
    step,
    hasBegun: step === "update" && run.account.hasBegun(),
    gates,
    unhealthyBefore: results.gates.some(
      ({ required, verdict, unhealthyBefore }) => required && verdict === "fail" && unhealthyBefore === true,
    ),
  });
  const principal = principalOf(context);
  await run.events.flush();
  await inFence(run, async (trx) => {
    await recordChanges(trx, claim.deploymentId, results.engine?.changes);
    // What was begun and not ended must be known also of one that says itself that it failed.
    if (changingStepOf([step]) !== undefined && step !== "gates-after" && step !== "ship")
      await settleUpdates(trx, context, claim, "expired");
    const { release } = results;
    // Whatever is decided about it: what does not serve is not good, and nobody can vouch for it.
    if (step === "ship") await markBad(trx, claim, { release, failure, principal });
    switch (after.kind) {
      case "undo": {
        if (claim.sourceDigest === null) throw new Error("an update without a source cannot have run");
        const { sourceDigest, configDigest } = claim;
        const content = { sourceDigest, configDigest };
        const evidence = evidenceOf(run, step);
        await undo(trx, context, claim, { as: after.as, failure, evidence, content, release, principal });
        return;
      }
      case "hold":
        await holdAttempt(trx, context, claim, { why: after.why, failure, detail: null, principal });
        return;
      case "end":
        if (gates?.kind === "bad") await markBad(trx, claim, { release, failure, principal });
        await endDeployment(trx, context, claim, { status: "failed", failure, principal });
    }
  });
}

/** What was seen when it went wrong. */
function evidenceOf(run: AttemptRun, step: string): Record<string, unknown> {
  if (step !== "gates-after") return { account: run.account.describe() };
  return {
    gates: run.results.gates.map(({ name, required, verdict, detail }) => ({
      name,
      required,
      verdict,
      detail,
    })),
  };
}

/** People have to decide: the attempt ends and the stack is free until they have. */
export async function concludeWaiting(run: AttemptRun, detail: string): Promise<void> {
  const { claim, context } = run;
  await run.events.flush();
  await inFence(run, async (trx) => {
    await awaitApproval(trx, context, claim, detail);
    const { rollback } = run.results;
    if (rollback?.asks === true) await holdForConsent(trx, claim, rollback.steps, principalOf(context));
  });
}

/**
 * Votes are missing. They are asked for in the transaction that frees the stack: nobody votes about what a worker still has. Of one that was decided about in this moment the decision counts.
 */
export async function concludeUnapproved(run: AttemptRun, detail: string): Promise<void> {
  const { claim, context } = run;
  await run.events.flush();
  await inFence(run, async (trx) => {
    const now = await changeNow(run, trx);
    const aside = await setAside(trx, changingOf(run), { ...now, operation: claim.operation });
    if (aside.kind === "over") {
      const { status, failure } = aside;
      await endDeployment(trx, context, claim, { status, failure, principal: principalOf(context) });
      return;
    }
    await awaitApproval(trx, context, claim, detail);
    if (aside.kind === "again") await requeueWaiting(trx, claim, "Enough people have approved it meanwhile.");
  });
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
