import { sql } from "kysely";
import { lockLostAttempt } from "../attempts/store.ts";
import { appendAudit } from "../audit/store.ts";
import type { Transaction } from "../database.ts";
import { cancelNow } from "../deployments/cancel-store.ts";
import { endDeployment } from "../deployments/completion.ts";
import { appendEvents } from "../deployments/events-store.ts";
import { settleUpdates } from "../pipeline/settle-updates.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { endUpdate } from "../state/end-update.ts";
import { lockUpdate } from "../state/updates-store.ts";

/** Principal of what Slipway does by itself. */
const SLIPWAY = "slipway";
/** Further than any stack's epoch can have gone between a backup and its restore. */
const EPOCH_JUMP = 1_000_000;

/** What a restored database tells of the time after its backup: nothing. */
export interface Past {
  backupAt: Date;
  /** Of the program that made the backup, and of the file. */
  details: Readonly<Record<string, unknown>>;
}

/** What was ended. */
export interface Ended {
  interrupted: number;
  cancelled: number;
  updates: number;
  /** Stacks that refuse changes until they are reconciled. */
  unreconciled: number;
}

/**
 * Makes a restored database into one that is safe to go on with, in the transaction that restored it: what ran then is ended, since nobody knows what became of it; what waited is
 * cancelled, since it may have run meanwhile; no token of an update, an attempt or the owner is good any more; every stack's epoch is beyond any that was given after the backup; and
 * every stack is marked until its state has been compared with what is really there.
 */
export async function leavePast(trx: Transaction, deps: { keyring: Keyring }, past: Past): Promise<Ended> {
  const at = past.backupAt.toISOString();
  const interrupted = await endAttempts(trx, deps, at);
  const updates = await endBareUpdates(trx, deps);
  const cancelled = await cancelWaiting(trx, at);
  await voidTokens(trx);
  await forgetKeepers(trx);
  await raiseEpochs(trx);
  const unreconciled = await markStacks(trx, past.backupAt);
  const ended = { interrupted, cancelled, updates, unreconciled };
  await appendAudit(trx, {
    principal: SLIPWAY,
    action: "installation.restored",
    organisation: "default",
    subject: "installation",
    details: { backupAt: at, ...past.details, ...ended },
    requestId: null,
  });
  return ended;
}

async function endAttempts(trx: Transaction, deps: { keyring: Keyring }, at: string): Promise<number> {
  await sql`update stack_writers set expires_at = now() - interval '1 second' where holder is not null`.execute(
    trx,
  );
  let count = 0;
  for (let lost = await lockLostAttempt(trx); lost !== undefined; lost = await lockLostAttempt(trx)) {
    count += 1;
    const settled = await settleUpdates(trx, deps, lost, "expired");
    const detail = `It ran when the backup of ${at} was made; what it did after that is not known here.`;
    await endDeployment(trx, deps, lost, {
      status: "interrupted",
      failure: {
        code: "restored",
        detail: settled === null ? detail : `${detail} ${settled}`,
        remedy: "Refresh the stack, look at what that found, and reconcile the stack: slipway reconcile.",
      },
      principal: SLIPWAY,
    });
  }
  return count;
}

async function endBareUpdates(trx: Transaction, deps: { keyring: Keyring }): Promise<number> {
  const { rows } = await sql<{
    id: string;
  }>`select id from updates where status = 'running' order by id`.execute(trx);
  for (const { id } of rows) {
    const update = await lockUpdate(trx, id);
    if (update !== undefined)
      await endUpdate(trx, deps, update, "expired", { principal: SLIPWAY, requestId: null });
  }
  return rows.length;
}

async function cancelWaiting(trx: Transaction, at: string): Promise<number> {
  const { rows } = await sql<{ id: string; organisation: string; project: string; stack: string }>`
    select d.id, p.organisation, p.name as project, s.name as stack from deployments d
    join stacks s on s.id = d.stack_id join projects p on p.id = s.project_id
    where d.status in ('queued', 'waiting_approval') order by d.requested_at`.execute(trx);
  const { rows: clock } = await sql<{ now: Date }>`select now() as now`.execute(trx);
  const now = (clock[0]?.now ?? new Date(0)).toISOString();
  for (const { id, organisation, project, stack } of rows) {
    await cancelNow(trx, id);
    const detail = `It waited when the backup of ${at} was made, and may have run since. Request it again if it is still wanted.`;
    await appendEvents(trx, { deploymentId: id, attempt: 0, fence: null }, [
      { at: now, body: { type: "status", status: "cancelled", detail } },
    ]);
    await appendAudit(trx, {
      principal: SLIPWAY,
      action: "deployment.cancelled",
      organisation,
      subject: `${organisation}/${project}/${stack}`,
      details: { deployment: id, reason: "restored" },
      requestId: null,
    });
  }
  return rows.length;
}

async function voidTokens(trx: Transaction): Promise<void> {
  // The owner's is in a file that no backup holds. The first start makes another.
  await sql`update tokens set revoked_at = now() where kind = 'owner' and revoked_at is null`.execute(trx);
  await sql`delete from attempt_tokens`.execute(trx);
  await sql`update updates set token_hash = null, token_expires_at = null where token_hash is not null`.execute(
    trx,
  );
}

/** A keeper's id lies in its data folder, which is new: nobody would ever claim a stack for the old one. What it had deployed is found gone by the check that each stack needs. */
async function forgetKeepers(trx: Transaction): Promise<void> {
  await sql`update stacks set keeper = null where keeper is not null`.execute(trx);
}

/** At least the seconds since 1970: a second restore of one backup also gives other epochs than the first, which somebody may have worked with. */
async function raiseEpochs(trx: Transaction): Promise<void> {
  await sql`insert into stack_writers (stack_id) select id from stacks on conflict (stack_id) do nothing`.execute(
    trx,
  );
  await sql`
    update stack_writers set holder = null, holder_kind = null, expires_at = null,
      epoch = greatest(epoch + ${EPOCH_JUMP}, extract(epoch from now())::bigint)`.execute(trx);
}

async function markStacks(trx: Transaction, backupAt: Date): Promise<number> {
  const { numAffectedRows } = await sql`
    insert into unreconciled_stacks (stack_id, backup_at, state_number)
    select id, ${backupAt}, (select max(number) from states where stack_id = s.id) from stacks s where removed_at is null
    on conflict (stack_id) do update set backup_at = excluded.backup_at, restored_at = now(), state_number = excluded.state_number
  `.execute(trx);
  return Number(numAffectedRows ?? 0);
}
