import { sql } from "kysely";
import { appendAudit } from "../audit/store.ts";
import type { Verification } from "../contract/verification.ts";
import type { Transaction } from "../database.ts";

/** Whose verification moves. */
export interface Verified {
  deploymentId: string;
  organisation: string;
  project: string;
  stack: string;
}

/** Why it moves, by whom, and what that rests on. */
export interface MoveReason {
  reason: string;
  evidence?: Readonly<Record<string, unknown>>;
  principal: string;
}

/**
 * Moves a deployment's verification with its reason, its evidence and its audit entry, in the caller's transaction. Nothing happens when it is there already. The database refuses a move that
 * the table has not.
 */
export async function moveVerification(
  trx: Transaction,
  deployment: Verified,
  to: Verification,
  { reason, evidence = {}, principal }: MoveReason,
): Promise<void> {
  const { deploymentId, organisation, project, stack } = deployment;
  const moved = await sql`
    update deployments set verification = ${to} where id = ${deploymentId} and verification is distinct from ${to}
  `.execute(trx);
  if (moved.numAffectedRows !== 1n) return;
  await sql`
    insert into verifications (deployment_id, state, reason, evidence, principal)
    values (${deploymentId}, ${to}, ${reason}, ${JSON.stringify(evidence)}, ${principal})
  `.execute(trx);
  await appendAudit(trx, {
    principal,
    action: `verification.${to}`,
    organisation,
    subject: `${organisation}/${project}/${stack}`,
    details: { deployment: deploymentId, reason, ...evidence },
    requestId: null,
  });
}

/** Where a deployment's verification stands, locked until the end of the transaction; null: nothing has begun. */
export async function lockVerification(trx: Transaction, deploymentId: string): Promise<Verification | null> {
  const { rows } = await sql<{ verification: Verification | null }>`
    select verification from deployments where id = ${deploymentId} for update
  `.execute(trx);
  return rows[0]?.verification ?? null;
}
