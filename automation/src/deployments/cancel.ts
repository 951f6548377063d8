import { missing } from "../access/missing.ts";
import { appendAudit } from "../audit/store.ts";
import type { Clock } from "../clock.ts";
import type { Deployment } from "../contract/deployments.ts";
import type { Transaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import type { Caller } from "../http/endpoint.ts";
import { tellEnd } from "../notifications/deployment-messages.ts";
import { askForCancel, cancelNow, lockForCancel } from "./cancel-store.ts";
import { cancelFollowers } from "./completion.ts";
import { appendEvents, notify, WORK_CHANNEL } from "./events-store.ts";
import { decideCancel } from "./rules.ts";
import { findDeployment } from "./store.ts";

/**
 * Cancels a deployment in the caller's transaction: at once while nothing runs for it, else by asking its worker, or whoever takes it over. Answers it with what happens next. Asking again
 * changes nothing. Throws SlipwayError `conflict` when it has ended, or only waits for its automatic rollback.
 */
export async function cancelDeployment(
  trx: Transaction,
  { clock }: { clock: Clock },
  { id, caller }: { id: string; caller: Pick<Caller, "principal"> & { requestId: string | null } },
): Promise<Deployment> {
  const deployment = await lockForCancel(trx, id);
  if (deployment === undefined) throw missing.deployment(id);
  const { organisation, project, stack, stackId, rolledBackBy } = deployment;
  const decision = decideCancel(deployment);
  if (decision !== "already-asked") {
    if (rolledBackBy !== null) {
      throw new SlipwayError(
        "conflict",
        "The deployment has failed, and its automatic rollback is under way.",
        {
          remedy: `To stop that, cancel the rollback: slipway cancel ${rolledBackBy}`,
        },
      );
    }
    if (deployment.isHeld) {
      throw new SlipwayError("conflict", "Nothing of the deployment runs: it is held for a decision.", {
        remedy: `Keep what it left, or roll it back: slipway hold ${id} keep, slipway hold ${id} rollback`,
      });
    }
    const at = clock.now().toISOString();
    const target = { deploymentId: id, attempt: 0, fence: null };
    if (decision === "ended-now") {
      await cancelNow(trx, id, caller.principal);
      const detail = "Cancelled before it began. No resource was changed.";
      await appendEvents(trx, target, [{ at, body: { type: "status", status: "cancelled", detail } }]);
      await tellEnd(trx, { deploymentId: id, organisation, project, stack }, "cancelled", {
        detail,
        remedy: null,
      });
      await cancelFollowers(trx, { deploymentId: id, organisation, project, stack }, "cancelled");
    } else {
      await askForCancel(trx, id, caller.principal);
    }
    await appendAudit(trx, {
      ...caller,
      action: decision === "ended-now" ? "deployment.cancelled" : "deployment.cancel_requested",
      organisation,
      subject: `${organisation}/${project}/${stack}`,
      details: { deployment: id },
    });
    await notify(trx, WORK_CHANNEL, stackId);
  }
  const found = await findDeployment(trx, id);
  if (found === undefined) throw missing.deployment(id);
  return found;
}
