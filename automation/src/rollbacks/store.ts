import { sql } from "kysely";
import type {
  Consent,
  FailedRollback,
  Hold,
  HoldCause,
  IrreversibleStep,
  RollbackSettings,
  VerificationMove,
} from "../contract/verification.ts";
import type { Database, Transaction } from "../database.ts";

/** So long a held deployment, and a rollback that waits for consent, wait for a person. */
const HOLD_SECONDS = 3_600;

/** What a stack does when an update goes wrong, until somebody sets it otherwise. */
const USUAL_SETTINGS: RollbackSettings = {
  automatic: true,
  coversRequested: false,
  onHoldExpiry: "keep",
  onFirstFailure: "keep",
  updatedAt: null,
  updatedBy: null,
};

/** What a stack does when an update goes wrong. */
export async function readSettings(db: Database, stackId: string): Promise<RollbackSettings> {
  const row = await db
    .selectFrom("rollback_settings")
    .selectAll()
    .where("stack_id", "=", stackId)
    .executeTakeFirst();
  if (row === undefined) return USUAL_SETTINGS;
  return {
    automatic: row.automatic,
    coversRequested: row.covers_requested,
    onHoldExpiry: row.on_hold_expiry,
    onFirstFailure: row.on_first_failure,
    updatedAt: row.updated_at.toISOString(),
    updatedBy: row.updated_by,
  };
}

/** Writes all of a stack's settings. */
export async function writeSettings(
  trx: Transaction,
  stackId: string,
  settings: Omit<RollbackSettings, "updatedAt" | "updatedBy">,
  principal: string,
): Promise<void> {
  const { automatic, coversRequested, onHoldExpiry, onFirstFailure } = settings;
  await sql`
    insert into rollback_settings (stack_id, automatic, covers_requested, on_hold_expiry, on_first_failure, updated_by)
    values (${stackId}, ${automatic}, ${coversRequested}, ${onHoldExpiry}, ${onFirstFailure}, ${principal})
    on conflict (stack_id) do update set automatic = excluded.automatic,
      covers_requested = excluded.covers_requested, on_hold_expiry = excluded.on_hold_expiry,
      on_first_failure = excluded.on_first_failure, updated_at = now(), updated_by = excluded.updated_by
  `.execute(trx);
}

/** How many automatic rollbacks of a stack were begun lately, by the database's clock. */
export async function countAutomatic(
  db: Database,
  stackId: string,
  windows: { shortSeconds: number; longSeconds: number },
): Promise<{ inShort: number; inLong: number }> {
  const { rows } = await sql<{ inShort: number; inLong: number }>`
    select count(*) filter (where requested_at > now() - ${windows.shortSeconds} * interval '1 second') as "inShort",
      count(*) as "inLong"
    from deployments
    where stack_id = ${stackId} and cause = 'automatic-rollback' and requested_by = 'slipway'
      and requested_at > now() - ${windows.longSeconds} * interval '1 second'
  `.execute(db);
  const [row] = rows;
  return { inShort: row?.inShort ?? 0, inLong: row?.inLong ?? 0 };
}

/** The moves of a deployment's verification, in order. */
export async function listMoves(db: Database, deploymentId: string): Promise<VerificationMove[]> {
  const rows = await db
    .selectFrom("verifications")
    .select(["state", "reason", "evidence", "principal", "at"])
    .where("deployment_id", "=", deploymentId)
    .orderBy("id")
    .execute();
  return rows.map((row) => ({
    ...row,
    state: row.state as VerificationMove["state"],
    at: row.at.toISOString(),
  }));
}

/** Records that a deployment waits for a person. One that was held before, and decided, is held again. */
export async function insertHold(
  trx: Transaction,
  hold: { deploymentId: string; stackId: string; why: HoldCause; reason: string; seconds?: number },
): Promise<void> {
  await sql`
    insert into deployment_holds (deployment_id, stack_id, why, reason, expires_at)
    values (${hold.deploymentId}, ${hold.stackId}, ${hold.why}, ${hold.reason},
      now() + ${hold.seconds ?? HOLD_SECONDS} * interval '1 second')
    on conflict (deployment_id) do update set why = excluded.why, reason = excluded.reason, held_at = now(),
      expires_at = excluded.expires_at, decision = null, decided_at = null, decided_by = null, decision_reason = null
  `.execute(trx);
}

/** Writes what became of a hold. */
export async function decideHoldRow(
  trx: Transaction,
  deploymentId: string,
  decided: { decision: NonNullable<Hold["decision"]>; by: string; reason: string },
): Promise<void> {
  await sql`
    update deployment_holds set decision = ${decided.decision}, decided_at = now(), decided_by = ${decided.by},
      decision_reason = ${decided.reason}
    where deployment_id = ${deploymentId} and decision is null
  `.execute(trx);
}

/** The hold of a deployment; null when it never was held. */
export async function findHold(db: Database, deploymentId: string): Promise<Hold | null> {
  const { rows } = await sql<
    Omit<Hold, "heldAt" | "expiresAt" | "decidedAt"> & {
      heldAt: Date;
      expiresAt: Date;
      decidedAt: Date | null;
    }
  >`
    select h.why, h.reason, h.held_at as "heldAt", h.expires_at as "expiresAt", h.decision, h.decided_at as "decidedAt",
      h.decided_by as "decidedBy", h.decision_reason as "decisionReason",
      -- Nobody agrees to what cannot be undone by letting time pass.
      case when h.why = 'consent' then 'keep' else coalesce(s.on_hold_expiry, 'keep') end as "onExpiry"
    from deployment_holds h left join rollback_settings s using (stack_id)
    where h.deployment_id = ${deploymentId}
  `.execute(db);
  const [row] = rows;
  if (row === undefined) return null;
  return {
    ...row,
    heldAt: row.heldAt.toISOString(),
    expiresAt: row.expiresAt.toISOString(),
    decidedAt: row.decidedAt?.toISOString() ?? null,
  };
}

/** What a rollback's consent is about, and what was agreed to. */
export interface StoredConsent {
  steps: readonly IrreversibleStep[];
  consented: readonly string[] | null;
}

/** Undefined: nobody was asked, and nobody has agreed beforehand. */
export async function readConsent(db: Database, deploymentId: string): Promise<StoredConsent | undefined> {
  return db
    .selectFrom("rollback_consents")
    .select(["steps", "consented"])
    .where("deployment_id", "=", deploymentId)
    .executeTakeFirst();
}

/** Records what is to be agreed to now. What was agreed to before stays only when `keeps`. */
export async function askConsent(
  trx: Transaction,
  deploymentId: string,
  steps: readonly IrreversibleStep[],
  keeps: boolean,
): Promise<void> {
  await sql`
    insert into rollback_consents (deployment_id, steps, expires_at)
    values (${deploymentId}, ${JSON.stringify(steps)}, now() + ${HOLD_SECONDS} * interval '1 second')
    on conflict (deployment_id) do update set steps = excluded.steps,
      asked_at = case when ${keeps} then rollback_consents.asked_at else now() end,
      expires_at = case when ${keeps} then rollback_consents.expires_at else excluded.expires_at end,
      consented = case when ${keeps} then rollback_consents.consented end,
      consented_at = case when ${keeps} then rollback_consents.consented_at end,
      consented_by = case when ${keeps} then rollback_consents.consented_by end,
      reason = case when ${keeps} then rollback_consents.reason end
  `.execute(trx);
}

/** Records that somebody agrees to steps, by their ids; also before the steps are known. */
export async function putConsent(
  trx: Transaction,
  deploymentId: string,
  given: { steps: readonly string[]; by: string; reason: string | null },
): Promise<void> {
  const consented = JSON.stringify([...given.steps].sort());
  await sql`
    insert into rollback_consents (deployment_id, steps, expires_at, consented, consented_at, consented_by, reason)
    values (${deploymentId}, '[]', now() + ${HOLD_SECONDS} * interval '1 second', ${consented}, now(), ${given.by}, ${given.reason})
    on conflict (deployment_id) do update
      set consented = excluded.consented, consented_at = now(), consented_by = excluded.consented_by, reason = excluded.reason
  `.execute(trx);
}

/** What a rollback's page shows of consent; null while nothing of it is known. */
export async function findConsent(db: Database, deploymentId: string): Promise<Consent | null> {
  const row = await db
    .selectFrom("rollback_consents")
    .selectAll()
    .where("deployment_id", "=", deploymentId)
    .executeTakeFirst();
  if (row === undefined || row.steps.length === 0) return null;
  return {
    steps: row.steps,
    askedAt: row.asked_at.toISOString(),
    expiresAt: row.expires_at.toISOString(),
    consentedBy: row.consented_by,
    consentedAt: row.consented_at?.toISOString() ?? null,
    reason: row.reason,
  };
}

/** Freezes a stack whose rollback failed. */
export async function insertFailedRollback(
  trx: Transaction,
  failed: { deploymentId: string; stackId: string; rollbackId: string; detail: string },
): Promise<void> {
  await sql`
    insert into failed_rollbacks (deployment_id, stack_id, rollback_id, detail)
    values (${failed.deploymentId}, ${failed.stackId}, ${failed.rollbackId}, ${failed.detail})
    on conflict do nothing
  `.execute(trx);
}

/** The newest failed rollback that freezes a stack; null when it is free. */
export async function openFailedRollback(db: Database, stackId: string): Promise<FailedRollback | null> {
  const row = await db
    .selectFrom("failed_rollbacks")
    .select(["deployment_id", "rollback_id", "detail", "failed_at"])
    .where("stack_id", "=", stackId)
    .where("settled_at", "is", null)
    .orderBy("failed_at", "desc")
    .limit(1)
    .executeTakeFirst();
  return row === undefined
    ? null
    : {
        deploymentId: row.deployment_id,
        rollbackId: row.rollback_id,
        detail: row.detail,
        failedAt: row.failed_at.toISOString(),
      };
}

/** Unfreezes the stack once a deployment that named the failed rollback has succeeded. Answers what it settled. */
export async function settleFailedRollback(
  trx: Transaction,
  deploymentId: string,
): Promise<{ deploymentId: string } | undefined> {
  const { rows } = await sql<{ deploymentId: string }>`
    update failed_rollbacks f set settled_at = now(), settled_by = d.id
    from deployments d
    where d.id = ${deploymentId} and d.acknowledges = f.deployment_id and f.stack_id = d.stack_id and f.settled_at is null
    returning f.deployment_id as "deploymentId"
  `.execute(trx);
  return rows[0];
}
