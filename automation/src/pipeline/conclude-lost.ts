import { contentOf, crashHistory, markCrashed } from "../attempts/crashes-store.ts";
import type { LostAttempt } from "../attempts/rules.ts";
import { decideTakeover } from "../attempts/rules.ts";
import { appendAudit } from "../audit/store.ts";
import { subjectOf } from "../audit/subject.ts";
import type { Transaction } from "../database.ts";
import { describeAccount } from "../deployments/account-rules.ts";
import { endDeployment, requeueDeployment, resumeDeployment } from "../deployments/completion.ts";
import { quarantine } from "../releases/store.ts";
import type { WorkerContext } from "./context.ts";
import { completedIn, hasBegun, lockChangingUpdates, settleUpdates } from "./settle-updates.ts";

/** How an attempt was lost. */
export interface Loss {
  /** Nobody had asked its worker or runner to end. */
  crashed: boolean;
  /** What happened, in a sentence, when more is known than that the worker is gone. */
  why: string | null;
  /** Who tells. */
  principal: string;
}

/**
 * Ends a lost attempt in the caller's transaction: its deployment runs again, goes on where the state backend knows it to be, or is told as what it is. The caller holds the writer's row, and
 * nothing of the attempt runs any more.
 */
export async function concludeLoss(
  trx: Transaction,
  context: Pick<WorkerContext, "keyring">,
  lost: LostAttempt,
  { crashed, why, principal }: Loss,
): Promise<void> {
  const history = await crashHistory(trx, lost);
  const counts = crashed && history.wasRunning;
  if (counts) await markCrashed(trx, lost.attemptId);
  // Locked: what the engine says to the state backend at this moment is waited for, and then seen.
  const updates = await lockChangingUpdates(trx, lost);
  const known = {
    isComplete: completedIn(updates, lost.operation) !== undefined,
    hasBegun: hasBegun(updates, lost.operation),
  };
  const crashes = history.before + (counts ? 1 : 0);
  const takeover = decideTakeover({ ...lost, ...known, crashes });
  switch (takeover.kind) {
    case "requeue":
      await requeueDeployment(trx, context, lost);
      return;
    case "resume":
      await resumeDeployment(trx, context, lost);
      return;
    case "cancelled": {
      const failure = { code: "cancelled", detail: "Cancelled. No resource was changed.", remedy: null };
      await endDeployment(trx, context, lost, { status: "cancelled", failure, principal });
      return;
    }
    case "poison": {
      const { failure } = takeover;
      await quarantineCrash(trx, lost, failure.detail, principal);
      await endDeployment(trx, context, lost, { status: "failed", failure, principal });
      return;
    }
    case "interrupted": {
      // Its engine may have been at work until a moment ago; from now on nothing that it writes is taken.
      const account = await settleUpdates(trx, context, lost, "expired");
      const asked = lost.cancelRequested ? "Its cancel had been asked for." : null;
      const parts = [why ?? takeover.failure.detail, asked, describeAccount(account)];
      const detail = parts.filter((part) => part !== null).join(" ");
      const failure = { ...takeover.failure, detail, remedy: CONTINUE_REMEDY };
      await endDeployment(trx, context, lost, { status: "interrupted", failure, principal });
    }
  }
}

/** What a person can do after an interrupted run; the deployment's next action says it in full. */
const CONTINUE_REMEDY =
  "Refresh the stack, so that the state says what is really there, then deploy again: slipway continue does both, with the same source and config.";

async function quarantineCrash(
  trx: Transaction,
  lost: LostAttempt,
  reason: string,
  principal: string,
): Promise<void> {
  const content = await contentOf(trx, lost.deploymentId);
  if (content === undefined) return;
  const { stackId, deploymentId, organisation } = lost;
  await quarantine(trx, { stackId, ...content, reason, kind: "crash", deploymentId });
  await appendAudit(trx, {
    principal,
    action: "quarantine.set",
    organisation,
    subject: subjectOf(lost),
    details: { deployment: deploymentId, kind: "crash", ...content },
    requestId: null,
  });
}
