import { randomUUID } from "node:crypto";
import { missing } from "../access/missing.ts";
import { appendAudit } from "../audit/store.ts";
import type { Clock } from "../clock.ts";
import type { ContinueDeployment, Deployment, DeploymentOperation } from "../contract/deployments.ts";
import type { Transaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import type { Caller } from "../http/endpoint.ts";
import { OPERATION_VERSION, stepsOf } from "../pipeline/operations.ts";
import { refuseAfterFailedRollback } from "../rollbacks/refusals.ts";
import { undecided } from "./account-rules.ts";
import { lockContent } from "./contents-store.ts";
import { appendEvents, notify, WORK_CHANNEL } from "./events-store.ts";
import { refuseQuarantined } from "./request.ts";
import { isTerminal } from "./rules.ts";
import * as store from "./store.ts";

/**
 * Queues what goes on with a deployment that did not end by itself, in the caller's transaction: a refresh, then the same operation with the same source, config and options, which only
 * begins once the refresh has succeeded. Answers the latter. Throws SlipwayError `conflict` when there is nothing to go on with or a pending create must be looked for first,
 * `quarantined`.
 */
export async function continueDeployment(
  trx: Transaction,
  { clock }: { clock: Clock },
  request: { id: string; body: ContinueDeployment; caller: Caller },
): Promise<Deployment> {
  const { id, body, caller } = request;
  // Locks the stack too, so that of two who go on with it at once the second sees the first.
  const content = await lockContent(trx, id);
  const deployment = await store.findDeployment(trx, id);
  if (content === undefined || deployment === undefined) throw missing.deployment(id);
  const { nextAction, operation } = deployment;
  if (nextAction === null) throw nothingToContinue(deployment);
  const pending = nextAction.pendingCreates;
  const open = undecided(pending, body.clearPendingCreates);
  if (open.length > 0) {
    throw new SlipwayError("conflict", `These creates were begun and may exist: ${open.join(", ")}.`, {
      remedy:
        "Look for each. Delete it there, or import it into the state; then name it in clearPendingCreates (slipway continue --clear-pending-create <urn>).",
      details: { issues: open.map((urn) => ({ path: "body.clearPendingCreates", message: urn })) },
    });
  }
  const strangers = body.clearPendingCreates.filter((urn) => !pending.some((one) => one.urn === urn));
  if (strangers.length > 0) {
    throw new SlipwayError("invalid_request", `No create of these is pending: ${strangers.join(", ")}.`, {
      details: { issues: strangers.map((urn) => ({ path: "body.clearPendingCreates", message: urn })) },
    });
  }
  if (operation === "update" || operation === "rollback" || operation === "remediate-drift")
    await refuseQuarantined(trx, content.stackId, content);

  const acknowledges = body.acknowledge ?? null;
  await refuseAfterFailedRollback(trx, content.stackId, { operation, acknowledges });
  const cleared = pending.map(({ urn }) => urn);
  const options = cleared.length === 0 ? {} : { clearPendingCreates: cleared };
  const why = `Goes on with ${operation} #${deployment.number}, which was ${deployment.status}.`;
  const message = body.message ?? why;
  const add = async (
    kind: DeploymentOperation,
    more: Pick<store.NewDeployment, "options" | "targetRelease" | "runsAfter">,
  ): Promise<string> => {
    const added = randomUUID();
    const number = await store.insertDeployment(trx, {
      ...content,
      ...more,
      // The refresh before it builds nothing and takes nothing over.
      promotedFrom: kind === "refresh" ? null : content.promotedFrom,
      id: added,
      operation: kind,
      operationVersion: OPERATION_VERSION,
      message,
      requestedBy: caller.principal,
      continues: id,
      acknowledges,
      steps: stepsOf(kind, more.options, OPERATION_VERSION),
    });
    await appendEvents(trx, { deploymentId: added, attempt: 0, fence: null }, [
      { at: clock.now().toISOString(), body: { type: "status", status: "queued", detail: why } },
    ]);
    const { organisation, project, stack } = deployment;
    await appendAudit(trx, {
      ...caller,
      action: "deployment.requested",
      organisation,
      subject: `${organisation}/${project}/${stack}`,
      details: {
        deployment: added,
        number,
        operation: kind,
        options: more.options,
        continues: id,
        sourceDigest: content.sourceDigest,
        configDigest: content.configDigest,
      },
    });
    return added;
  };
  const refresh = await add("refresh", { options, targetRelease: null, runsAfter: null });
  const last =
    operation === "refresh"
      ? refresh
      : await add(operation, {
          options: deployment.options,
          targetRelease: deployment.targetRelease,
          runsAfter: refresh,
        });
  await notify(trx, WORK_CHANNEL, content.stackId);
  const found = await store.findDeployment(trx, last);
  if (found === undefined) throw new Error("the deployment that was just inserted is not there");
  return found;
}

function nothingToContinue(deployment: Deployment): SlipwayError {
  const { status } = deployment;
  const detail = !isTerminal(status)
    ? `The deployment has not ended: it is ${status}.`
    : status === "succeeded"
      ? "The deployment has succeeded; nothing is left to go on with."
      : "Nothing is to be gone on with: it changed nothing, or something else has changed the stack since.";
  return new SlipwayError("conflict", detail, { remedy: "Look at the stack's history; deploy as usual." });
}
