import { sql } from "kysely";
import type { DeploymentOperation } from "../contract/deployments.ts";
import type { Database, Transaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { isFrozenFor } from "./rules.ts";
import { openFailedRollback } from "./store.ts";

interface Refusal {
  code: "quarantined" | "rollback_failed";
  detail: string;
  remedy: string;
}

/** Throws SlipwayError `rollback_failed` while a failed rollback freezes a stack for what is asked, and `invalid_request` for an acknowledgement of something else. */
export async function refuseAfterFailedRollback(
  db: Database,
  stackId: string,
  asked: { operation: DeploymentOperation; acknowledges: string | null },
): Promise<void> {
  const failed = await openFailedRollback(db, stackId);
  if (asked.acknowledges !== null && failed?.deploymentId !== asked.acknowledges) {
    const message =
      failed === null ? "no failed rollback freezes the stack" : `the stack waits for ${failed.deploymentId}`;
    throw new SlipwayError("invalid_request", `acknowledge: ${message}`, {
      details: { issues: [{ path: "body.acknowledge", message }] },
    });
  }
  if (failed === null || !isFrozenFor(failed, { ...asked, cause: "request" })) return;
  const { code, detail, remedy } = frozenBy(failed);
  throw new SlipwayError(code, detail, { remedy });
}

function frozenBy(failed: { deploymentId: string; rollbackId: string; detail: string }): Refusal {
  return {
    code: "rollback_failed",
    detail: `The stack is frozen since the rollback of deployment ${failed.deploymentId} failed. ${failed.detail}`,
    remedy: `Read deployment ${failed.rollbackId} and what became of its resources; preview and refresh as you like. Then deploy, and name what you know of: --acknowledge ${failed.deploymentId}.`,
  };
}

/**
 * Why a deployment that was queued a while ago must not begin now: its source and config are refused meanwhile, or a rollback has failed that whoever asked did not know of. Null: it may.
 */
export async function refusedMeanwhile(
  trx: Transaction,
  claim: {
    deploymentId: string;
    stackId: string;
    operation: DeploymentOperation;
    cause: "request" | "automatic-rollback";
  },
): Promise<Refusal | null> {
  if (claim.cause === "automatic-rollback") return null;
  const { rows } = await sql<{ acknowledges: string | null; reason: string | null }>`
    select d.acknowledges, (select q.reason from quarantines q
      where q.stack_id = d.stack_id and q.source_digest = d.source_digest and q.config_digest = d.config_digest
        and q.kind <> 'crash' and q.lifted_at is null and d.operation in ('update', 'rollback', 'remediate-drift') limit 1) as reason
    from deployments d where d.id = ${claim.deploymentId}
  `.execute(trx);
  const [row] = rows;
  if (row === undefined) return null;
  if (row.reason !== null) return quarantined(row.reason);
  const failed = await openFailedRollback(trx, claim.stackId);
  return failed !== null && isFrozenFor(failed, { ...claim, acknowledges: row.acknowledges })
    ? frozenBy(failed)
    : null;
}

/** Why source and config that are refused do not run. */
export function quarantined(reason: string): Refusal {
  return {
    code: "quarantined",
    detail: `This source with this config is quarantined: ${reason}`,
    remedy: "Change the source or the config, or lift the quarantine: slipway quarantine list.",
  };
}
