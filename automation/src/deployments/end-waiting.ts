import { sql } from "kysely";
import { appendAudit } from "../audit/store.ts";
import { subjectOf } from "../audit/subject.ts";
import type { DeploymentStatus } from "../contract/deployments.ts";
import type { Transaction } from "../database.ts";
import { tellEnd } from "../notifications/deployment-messages.ts";
import type { Failure } from "./completion.ts";
import { cancelFollowers } from "./completion.ts";
import { appendEvents, notify, WORK_CHANNEL } from "./events-store.ts";

/** A deployment that no worker has. */
export interface WaitingDeployment {
  deploymentId: string;
  stackId: string;
  organisation: string;
  project: string;
  stack: string;
}

/**
 * Ends a deployment that waits, in the queue or for votes, in the caller's transaction. Answers false when it does not wait (any more): a worker has it, and finds out when it is about to begin.
 */
export async function endWaiting(
  trx: Transaction,
  waiting: WaitingDeployment,
  status: Extract<DeploymentStatus, "rejected" | "expired" | "stale" | "cancelled">,
  { failure, principal }: { failure: Failure; principal: string },
): Promise<boolean> {
  const { deploymentId } = waiting;
  const { numAffectedRows } = await sql`
    update deployments set status = ${status}, finished_at = now(), failure = ${JSON.stringify(failure)}
    where id = ${deploymentId} and status in ('queued', 'waiting_approval')
  `.execute(trx);
  if (numAffectedRows !== 1n) return false;
  await sql`
    update deployment_steps set state = 'skipped' where deployment_id = ${deploymentId} and state in ('running', 'waiting')
  `.execute(trx);
  await appendStatus(trx, deploymentId, status, failure.detail);
  await appendAudit(trx, {
    principal,
    action: `deployment.${status}`,
    organisation: waiting.organisation,
    subject: subjectOf(waiting),
    details: { deployment: deploymentId, code: failure.code },
    requestId: null,
  });
  await tellEnd(trx, waiting, status, failure);
  await cancelFollowers(trx, waiting, status);
  await notify(trx, WORK_CHANNEL, waiting.stackId);
  return true;
}

/** Puts a deployment that waited for people back into the queue, in the caller's transaction. Answers false when it does not wait for them. */
export async function requeueWaiting(
  trx: Transaction,
  { deploymentId, stackId }: WaitingDeployment,
  detail: string,
): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update deployments set status = 'queued' where id = ${deploymentId} and status = 'waiting_approval'
  `.execute(trx);
  if (numAffectedRows !== 1n) return false;
  await appendStatus(trx, deploymentId, "queued", detail);
  await notify(trx, WORK_CHANNEL, stackId);
  return true;
}

async function appendStatus(
  trx: Transaction,
  deploymentId: string,
  status: DeploymentStatus,
  detail: string,
): Promise<void> {
  const at = new Date().toISOString();
  await appendEvents(trx, { deploymentId, attempt: 0, fence: null }, [
    { at, body: { type: "status", status, detail } },
  ]);
}
