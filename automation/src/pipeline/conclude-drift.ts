import { sql } from "kysely";
import { lookedAt } from "../attempts/look-store.ts";
import { endAttempt } from "../attempts/store.ts";
import { appendAudit } from "../audit/store.ts";
import { subjectOf } from "../audit/subject.ts";
import type { Transaction } from "../database.ts";
import type { Failure } from "../deployments/completion.ts";
import { endDeployment } from "../deployments/completion.ts";
import { appendEvents, notify, WORK_CHANNEL } from "../deployments/events-store.ts";
import { recordDriftCheck } from "../drift/record.ts";
import { decideDriftEnding, MOST_TRIES } from "../drift/rules.ts";
import { endUpdatesOfAttempt } from "../state/end-update.ts";
import type { AttemptRun } from "./attempt-run.ts";
import { principalOf } from "./context.ts";
import { inFence } from "./record-release.ts";

const STACK_MOVED: Failure = {
  code: "stack_moved",
  detail: `The stack was written to during each of ${MOST_TRIES} checks, so that what they saw is not what its state says.`,
  remedy: "Nothing was changed. Check again when the stack is quiet: slipway drift run <stack>.",
};

/**
 * The last transaction of a drift check's attempt; `failure` null when the engine came through. Records what was found; when somebody wrote to the stack meanwhile, the check begins anew
 * once the stack is free, and is given up in the end. Answers whether the deployment succeeded.
 */
export async function concludeDrift(run: AttemptRun, failure: Failure | null): Promise<boolean> {
  const { claim, context, results } = run;
  const principal = principalOf(context);
  await run.events.flush();
  return inFence(run, async (trx) => {
    const { moved, stateNumber } = await lookedAt(trx, claim);
    const failed = failure !== null || results.drift === undefined;
    const ending = decideDriftEnding({ moved, failed, attempt: claim.attempt });
    if (ending === "yield") {
      await beginAnew(trx, run);
      return false;
    }
    if (ending === "record") {
      await recordDriftCheck(trx, context, {
        deploymentId: claim.deploymentId,
        attemptId: claim.attemptId,
        stackId: claim.stackId,
        organisation: claim.organisation,
        subject: subjectOf(claim),
        principal,
        stateNumber,
        release: run.pinned?.number ?? null,
        read: results.drift ?? [],
      });
      await endDeployment(trx, context, claim, { status: "succeeded", failure: null, principal });
      return true;
    }
    const told = ending === "give-up" ? STACK_MOVED : failure;
    await endDeployment(trx, context, claim, { status: "failed", failure: told, principal });
    return false;
  });
}

async function beginAnew(trx: Transaction, { claim, context }: AttemptRun): Promise<void> {
  const { deploymentId, attempt, attemptId } = claim;
  await endUpdatesOfAttempt(trx, context, attemptId, "expired");
  await sql`update deployments set status = 'queued' where id = ${deploymentId} and status = 'running'`.execute(
    trx,
  );
  await sql`
    update deployment_steps set state = 'waiting', started_at = null, finished_at = null, detail = null
    where deployment_id = ${deploymentId}
  `.execute(trx);
  await endAttempt(trx, claim, "cancelled");
  const at = context.clock.now().toISOString();
  const detail = "Somebody wrote to the stack during the check; it begins anew when the stack is free.";
  await appendEvents(trx, { deploymentId, attempt, fence: null }, [
    { at, body: { type: "status", status: "queued", detail } },
  ]);
  await appendAudit(trx, {
    principal: principalOf(context),
    action: "deployment.requeued",
    organisation: claim.organisation,
    subject: subjectOf(claim),
    details: { deployment: deploymentId, attempt, reason: "stack_moved" },
    requestId: null,
  });
  await notify(trx, WORK_CHANNEL, claim.stackId);
}
