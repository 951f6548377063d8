import { sql } from "kysely";
import type { LostAttempt } from "../attempts/rules.ts";
import type { Claim } from "../attempts/store.ts";
import { endAttempt } from "../attempts/store.ts";
import { appendAudit } from "../audit/store.ts";
import { subjectOf } from "../audit/subject.ts";
import type { DeploymentStatus } from "../contract/deployments.ts";
import type { Verification } from "../contract/verification.ts";
import type { Database, Transaction } from "../database.ts";
import { recordUnchecked } from "../drift/record.ts";
import { SlipwayError } from "../errors.ts";
import { tellEnd, tellRollbackEnd } from "../notifications/deployment-messages.ts";
import { causeEnd } from "../rollbacks/cause-end.ts";
import { outcomeOfRollback } from "../rollbacks/rules.ts";
import { decideHoldRow, insertFailedRollback, settleFailedRollback } from "../rollbacks/store.ts";
import { lockVerification, moveVerification } from "../rollbacks/verification-store.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { endUpdatesOfAttempt } from "../state/end-update.ts";
import { findAccount } from "./accounts-store.ts";
import { appendEvents, notify, WORK_CHANNEL } from "./events-store.ts";

/** Why a deployment did not succeed, in words for a person. */
export interface Failure {
  code: string;
  detail: string;
  remedy: string | null;
}

/** A deployment at its end, or at the end of one of its attempts. */
export type EndingDeployment = Pick<
  Claim | LostAttempt,
  | "stackId"
  | "attemptId"
  | "epoch"
  | "deploymentId"
  | "attempt"
  | "organisation"
  | "project"
  | "stack"
  | "cause"
  | "causedBy"
>;

/** How it ends. */
export interface Ending {
  status: Extract<
    DeploymentStatus,
    "succeeded" | "failed" | "cancelled" | "interrupted" | "stale" | "rejected" | "expired"
  >;
  failure: Failure | null;
  /** Who ended it: a worker's principal or `system`. */
  principal: string;
}

/** Principal of what Slipway does by itself. */
export const SLIPWAY = "slipway";

/**
 * Ends a deployment with its attempt and the updates that its engine left running, frees the stack, and ends the deployment that an automatic rollback was for, all in the caller's transaction.
 * The caller holds the fence (or took the lost attempt's lock), and nothing of the attempt runs any more.
 */
export async function endDeployment(
  trx: Transaction,
  deps: { keyring: Keyring },
  deployment: EndingDeployment,
  ending: Ending,
): Promise<void> {
  await endUpdatesOfAttempt(trx, deps, deployment.attemptId, updateStatusOf(ending.status));
  await settle(trx, deployment, ending.status, ending.failure, ending.principal, deployment.attempt);
  // Before the attempt's lease goes, which knows what was looked at.
  if (ending.status === "failed" || ending.status === "interrupted") {
    const { failure, status } = ending;
    const why = { cause: failure?.detail ?? status, wasBusy: failure?.code === "stack_moved" };
    await recordUnchecked(trx, deps, deployment.deploymentId, why);
  }
  await endAttempt(trx, deployment, attemptStatusOf(ending.status));
  if (deployment.cause === "automatic-rollback" && deployment.causedBy !== null) {
    await settleCause(trx, deployment, deployment.causedBy, ending, ending.principal);
  }
  await notify(trx, WORK_CHANNEL, deployment.stackId);
}

function attemptStatusOf(status: Ending["status"]): "succeeded" | "failed" | "cancelled" | "lost" {
  if (status === "interrupted") return "lost";
  return status === "succeeded" || status === "cancelled" ? status : "failed";
}

/** Of updates that the engine has not ended itself. */
function updateStatusOf(status: Ending["status"]): "cancelled" | "expired" {
  return status === "cancelled" ? "cancelled" : "expired";
}

/** Puts a deployment whose worker was lost back into the queue; its steps start again, but keep the results of builds and tests. */
export async function requeueDeployment(
  trx: Transaction,
  deps: { keyring: Keyring },
  lost: EndingDeployment,
): Promise<void> {
  const detail = "The worker was lost before anything changed; the deployment waits for another one.";
  await putBack(trx, deps, lost, "deployment.requeued", detail);
}

/** `requeueDeployment` for one whose update is complete: another worker records it and does what follows. */
export async function resumeDeployment(
  trx: Transaction,
  deps: { keyring: Keyring },
  lost: EndingDeployment,
): Promise<void> {
  const complete = "complete; the worker was lost before the rest";
  await sql`
    update deployment_steps set state = 'succeeded', finished_at = now(), detail = coalesce(detail, ${complete})
    where deployment_id = ${lost.deploymentId} and name in ('update', 'refresh', 'destroy') and state = 'running'
  `.execute(trx);
  const detail =
    "The worker was lost after the update was complete, and nothing of that is done again; the deployment waits for another worker to do the rest.";
  await putBack(trx, deps, lost, "deployment.resumed", detail);
}

/**
 * Ends the attempt of a deployment that waits for people, in the caller's transaction, which holds the fence: no worker and no right to write is kept while they decide. What the
 * attempt found out stays recorded.
 */
export async function awaitApproval(
  trx: Transaction,
  deps: { keyring: Keyring },
  deployment: EndingDeployment,
  detail: string,
): Promise<void> {
  await endUpdatesOfAttempt(trx, deps, deployment.attemptId, "expired");
  await sql`
    update deployments set status = 'waiting_approval' where id = ${deployment.deploymentId} and status = 'running'
  `.execute(trx);
  await endAttempt(trx, deployment, "succeeded");
  await appendStatus(trx, deployment.deploymentId, deployment.attempt, "waiting_approval", detail);
  await notify(trx, WORK_CHANNEL, deployment.stackId);
}

async function putBack(
  trx: Transaction,
  deps: { keyring: Keyring },
  lost: EndingDeployment,
  action: string,
  detail: string,
): Promise<void> {
  await endUpdatesOfAttempt(trx, deps, lost.attemptId, "expired");
  await sql`update deployments set status = 'queued' where id = ${lost.deploymentId} and status = 'running'`.execute(
    trx,
  );
  await sql`
    update deployment_steps set state = 'waiting', started_at = null, finished_at = null, detail = null
    where deployment_id = ${lost.deploymentId} and state <> 'succeeded'
  `.execute(trx);
  await endAttempt(trx, lost, "lost");
  await appendStatus(trx, lost.deploymentId, lost.attempt, "queued", detail);
  await audit(trx, lost, action, "system", {
    deployment: lost.deploymentId,
    attempt: lost.attempt,
  });
  await notify(trx, WORK_CHANNEL, lost.stackId);
}

/** The steps of a deployment as rows; those that are there already stay as they are. */
export async function insertSteps(
  trx: Transaction,
  deploymentId: string,
  names: readonly string[],
): Promise<void> {
  await trx
    .insertInto("deployment_steps")
    .values(names.map((name, position) => ({ deployment_id: deploymentId, position, name })))
    .onConflict((conflict) => conflict.columns(["deployment_id", "name"]).doNothing())
    .execute();
}

/** Deployments whose automatic rollback has ended without ending them too, because it was cancelled while it waited. */
export async function settleOrphanedCauses(db: Database): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const { rows } = await sql<{ rollback: StackSubject; causedBy: string; status: DeploymentStatus }>`
      select r.caused_by as "causedBy", r.status, jsonb_build_object('stackId', r.stack_id, 'deploymentId', r.id,
        'organisation', p.organisation, 'project', p.name, 'stack', s.name) as rollback
      from deployments c
      join deployments r on r.id = c.rolled_back_by
      join stacks s on s.id = r.stack_id join projects p on p.id = s.project_id
      where c.status = 'running' and r.finished_at is not null
      for update of c skip locked
    `.execute(trx);
    for (const { rollback, causedBy, status } of rows)
      await settleCause(trx, rollback, causedBy, { status, failure: null }, "system");
  });
}

/** A deployment with the names of its stack. */
export type StackSubject = {
  stackId: string;
  deploymentId: string;
  organisation: string;
  project: string;
  stack: string;
};

interface Cause {
  failure: Failure | null;
  verification: Verification | null;
  attempt: number;
  target: number | null;
  /** Of the rollback. */
  own: Verification | null;
  /** The rollback could not put back what serves. */
  shipFailed: boolean;
  before: string | null;
}

/** Ends the deployment that an automatic rollback was for, in the transaction that ends the rollback. Freezes the stack when that failed. */
export async function settleCause(
  trx: Transaction,
  rollback: StackSubject,
  causedBy: string,
  ended: { status: DeploymentStatus; failure: Failure | null },
  principal: string,
): Promise<void> {
  const { rows } = await sql<Cause>`
    select c.failure, c.verification, (select coalesce(max(number), 0) from attempts a where a.deployment_id = c.id) as attempt,
      r.target_release as target, r.verification as own,
      exists (select 1 from deployment_steps t where t.deployment_id = r.id and t.name = 'ship' and t.state = 'failed') as "shipFailed",
      (select v.state from verifications v where v.deployment_id = c.id and v.state in ('update_failed', 'verification_failed')
       order by v.id desc limit 1) as before
    from deployments c join deployments r on r.id = ${rollback.deploymentId}
    where c.id = ${causedBy} and c.status = 'running' for update of c
  `.execute(trx);
  const cause = rows[0];
  if (cause === undefined) return;
  const before = cause.failure ?? { code: "update_failed", detail: "The update failed.", remedy: null };
  const outcome = outcomeOfRollback({
    status: ended.status,
    verification: cause.own,
    shipFailed: cause.shipFailed,
    causeWas: cause.verification,
  });
  const why = ended.failure?.detail ?? null;
  const account = await findAccount(trx, rollback.deploymentId);
  const said = causeEnd(outcome, { target: cause.target, rollbackId: rollback.deploymentId, why, account });
  const failure: Failure = { ...before, detail: `${before.detail} ${said.detail}`, remedy: said.remedy };
  const subject = { ...rollback, deploymentId: causedBy };
  // One that an earlier program began has no verification.
  if (cause.verification !== null) {
    const to =
      outcome !== "not-begun"
        ? outcome
        : cause.before === "update_failed"
          ? "update_failed"
          : "verification_failed";
    await moveVerification(trx, subject, to, {
      reason: said.detail,
      evidence: { rollback: rollback.deploymentId, status: ended.status },
      principal,
    });
  }
  if (outcome === "rollback_failed") {
    await insertFailedRollback(trx, {
      deploymentId: causedBy,
      stackId: rollback.stackId,
      rollbackId: rollback.deploymentId,
      detail: said.detail,
    });
    await audit(trx, subject, "stack.frozen_by_failed_rollback", SLIPWAY, {
      deployment: causedBy,
      rollback: rollback.deploymentId,
    });
  }
  if (outcome === "rollback_failed" || outcome === "rolled_back_unhealthy")
    await tellRollbackEnd(trx, subject, outcome, { why: said.detail, remedy: said.remedy });
  if (outcome === "not-begun") {
    await decideHoldRow(trx, causedBy, { decision: "keep", by: principal, reason: said.detail });
  }
  const status = outcome === "rolled_back" ? "rolled_back" : "failed";
  await settle(trx, subject, status, failure, principal, cause.attempt);
}

/**
 * Ends a deployment in the caller's transaction: its row, its steps, its verification, its event, its audit entry, its message, and what was to come after it. `from`: the status that it has.
 */
export async function settle(
  trx: Transaction,
  deployment: StackSubject,
  status: DeploymentStatus,
  failure: Failure | null,
  principal: string,
  attempt: number,
  from: "running" | "waiting_approval" = "running",
): Promise<void> {
  const { numAffectedRows } = await sql`
    update deployments set status = ${status}, finished_at = now(), failure = ${failure === null ? null : JSON.stringify(failure)}
    where id = ${deployment.deploymentId} and status = ${from}
  `.execute(trx);
  // A terminal status never moves again; whoever set it knew something that we do not.
  if (numAffectedRows !== 1n) {
    throw new SlipwayError("conflict", `deployment ${deployment.deploymentId} is not running any more`);
  }
  if (status !== "succeeded") await closeVerification(trx, deployment, status, failure, principal);
  else if ((await settleFailedRollback(trx, deployment.deploymentId)) !== undefined)
    await audit(trx, deployment, "stack.unfrozen", principal, { deployment: deployment.deploymentId });
  await finishSteps(trx, deployment.deploymentId);
  await appendStatus(trx, deployment.deploymentId, attempt, status, failure?.detail ?? null);
  await audit(trx, deployment, `deployment.${status}`, principal, {
    deployment: deployment.deploymentId,
    ...(failure === null ? {} : { code: failure.code }),
  });
  await tellEnd(trx, deployment, status, failure);
  if (status !== "succeeded") await cancelFollowers(trx, deployment, status);
}

/**
 * Cancels what waits for a deployment to succeed that has ended otherwise, in the transaction of that end: what was to come after it must not begin. They are of the same stack, so that
 * none of them has begun.
 */
export async function cancelFollowers(
  trx: Transaction,
  ended: Omit<StackSubject, "stackId">,
  status: DeploymentStatus,
): Promise<void> {
  const failure: Failure = {
    code: "not_begun",
    detail: `It was to begin once deployment ${ended.deploymentId} had succeeded; that is ${status}. No resource was changed.`,
    remedy: "Read why that one did not succeed; then continue again.",
  };
  const { rows } = await sql<{ id: string }>`
    update deployments set status = 'cancelled', finished_at = now(), failure = ${JSON.stringify(failure)}
    where runs_after = ${ended.deploymentId} and status = 'queued'
    returning id
  `.execute(trx);
  for (const { id } of rows) {
    await finishSteps(trx, id);
    await appendStatus(trx, id, 0, "cancelled", failure.detail);
    await audit(trx, ended, "deployment.cancelled", SLIPWAY, { deployment: id, code: failure.code });
    await tellEnd(trx, { ...ended, deploymentId: id }, "cancelled", failure);
    await cancelFollowers(trx, { ...ended, deploymentId: id }, "cancelled");
  }
}

/** Nothing that has ended is still updated or verified: what was not seen to pass has failed. */
async function closeVerification(
  trx: Transaction,
  deployment: StackSubject,
  status: DeploymentStatus,
  failure: Failure | null,
  principal: string,
): Promise<void> {
  const now = await lockVerification(trx, deployment.deploymentId);
  const to = now === "updating" ? "update_failed" : now === "verifying" ? "verification_failed" : null;
  if (to === null) return;
  const reason = failure?.detail ?? `The deployment is ${status}.`;
  await moveVerification(trx, deployment, to, { reason, evidence: { status }, principal });
}

/** No step of an ended deployment waits or runs. */
export async function finishSteps(trx: Transaction, deploymentId: string): Promise<void> {
  await sql`
    update deployment_steps set state = case state when 'running' then 'failed' else 'skipped' end,
      finished_at = case state when 'running' then now() end
    where deployment_id = ${deploymentId} and state in ('running', 'waiting')
  `.execute(trx);
}

/** The event that a deployment has a status, and why. */
export async function appendStatus(
  trx: Transaction,
  deploymentId: string,
  attempt: number,
  status: DeploymentStatus,
  detail: string | null,
): Promise<void> {
  const at = new Date().toISOString();
  await appendEvents(trx, { deploymentId, attempt, fence: null }, [
    { at, body: { type: "status", status, detail } },
  ]);
}

/** An audit entry about a stack without a request. */
export async function audit(
  trx: Transaction,
  stack: { organisation: string; project: string; stack: string },
  action: string,
  principal: string,
  details: Record<string, unknown>,
): Promise<void> {
  const { organisation } = stack;
  await appendAudit(trx, {
    principal,
    action,
    organisation,
    subject: subjectOf(stack),
    details,
    requestId: null,
  });
}
