import type { DeploymentOperation } from "../contract/deployments.ts";
import type { UpdateKind } from "../contract/updates.ts";
import type { Transaction } from "../database.ts";
import { needsReconciled, refuseUntilReconciled } from "./rules.ts";
import { findUnreconciled } from "./store.ts";

/** Throws SlipwayError `unreconciled` for what would change a restored stack's resources by a state that may be older than they are. */
export async function refuseUnreconciled(
  trx: Transaction,
  stack: { stackId: string; organisation: string; project: string; stack: string },
  operation: DeploymentOperation | UpdateKind,
): Promise<void> {
  if (!needsReconciled(operation)) return;
  const found = await findUnreconciled(trx, stack.stackId);
  if (found !== undefined)
    throw refuseUntilReconciled(`${stack.organisation}/${stack.project}/${stack.stack}`, found.backupAt);
}
