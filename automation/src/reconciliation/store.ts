import { sql } from "kysely";
import type { UnreconciledStack } from "../contract/reconciliation.ts";
import type { Database, Transaction } from "../database.ts";
import type { Since } from "./rules.ts";
import { evidenceOf } from "./rules.ts";

/** When the backup of a stack that is not reconciled was made; undefined for every other stack. */
export async function findUnreconciled(
  db: Database,
  stackId: string,
): Promise<{ backupAt: Date } | undefined> {
  return db
    .selectFrom("unreconciled_stacks")
    .select("backup_at as backupAt")
    .where("stack_id", "=", stackId)
    .executeTakeFirst();
}

interface Row extends Omit<UnreconciledStack, "backupAt" | "restoredAt" | "evidence" | "lookedAt"> {
  stackId: string;
  backupAt: Date;
  restoredAt: Date;
  differs: boolean | null;
  changedState: boolean | null;
  lookedAt: Date | null;
  stateMoved: boolean;
  hasState: boolean;
}

/*
 * Looks are drift checks, and refreshes of whole stacks with or without their effect on the state. What a refresh did is told by the numbers of its operations: everything but `same` is a
 * difference. The newest is the one that began last: a check that began before a refresh may end after it, and has seen the state of before.
 */
const ROWS = sql`
  with refreshes as (
    select u.stack_id, u.started_at, u.finished_at, u.dry_run,
      exists (select from jsonb_object_keys(coalesce(u.resource_changes, '{}')) as operation
              where operation not in ('same', 'read', 'refresh')) as differs
    from updates u left join deployments d on d.id = u.deployment_id
    where u.kind = 'refresh' and u.status = 'succeeded' and d.options -> 'targets' is null
  ), looks as (
    select stack_id, coalesce((select max(a.claimed_at) from attempts a where a.deployment_id = c.deployment_id), checked_at) as began,
      checked_at as at, status = 'drifted' as differs, false as changed_state
    from drift_checks c where status <> 'unknown'
    union all select stack_id, started_at, finished_at, differs, not dry_run from refreshes
  )
  select n.stack_id as "stackId", p.organisation, p.name as project, s.name as stack, n.backup_at as "backupAt", n.restored_at as "restoredAt",
    n.state_number as state, exists (select from states t where t.stack_id = s.id) as "hasState", l.differs, l.changed_state as "changedState", l.at as "lookedAt",
    exists (select from refreshes r where r.stack_id = s.id and r.differs and not r.dry_run and r.started_at > n.restored_at)
    or exists (select from updates u where u.stack_id = s.id and u.kind in ('import', 'edit') and u.requested_at > n.restored_at) as "stateMoved"
  from unreconciled_stacks n join stacks s on s.id = n.stack_id join projects p on p.id = s.project_id
  left join lateral (
    select * from looks where looks.stack_id = s.id and looks.began > n.restored_at order by began desc, at desc limit 1
  ) l on true
  where s.removed_at is null`;

/** Stacks that are not reconciled, by name; those that the caller may see. */
export async function listUnreconciled(
  db: Database,
  within: "all" | readonly string[],
): Promise<UnreconciledStack[]> {
  const { rows } = await sql<Row>`
    ${ROWS} and (${within === "all"} or p.organisation = any(${within === "all" ? [] : [...within]}))
    order by p.organisation, p.name, s.name`.execute(db);
  return rows.map(toStack);
}

/** One of them, locked until the end of the transaction; undefined when the stack needs no reconciling. */
export async function lockUnreconciled(
  trx: Transaction,
  stackId: string,
): Promise<UnreconciledStack | undefined> {
  const { rows } = await sql<Row>`${ROWS} and s.id = ${stackId} for update of n`.execute(trx);
  return rows[0] && toStack(rows[0]);
}

/** Lets a stack be changed again. */
export async function clearUnreconciled(trx: Transaction, stackId: string): Promise<void> {
  await trx.deleteFrom("unreconciled_stacks").where("stack_id", "=", stackId).execute();
}

function toStack({
  differs,
  changedState,
  lookedAt,
  stateMoved,
  hasState,
  stackId: _,
  ...row
}: Row): UnreconciledStack {
  const look =
    lookedAt === null
      ? null
      : { differs: differs === true, changedState: changedState === true, at: lookedAt };
  const since: Since = { look, stateMoved, hasState };
  return {
    ...row,
    backupAt: row.backupAt.toISOString(),
    restoredAt: row.restoredAt.toISOString(),
    evidence: evidenceOf(since),
    lookedAt: lookedAt?.toISOString() ?? null,
  };
}
