import { randomUUID } from "node:crypto";
import type { RawBuilder } from "kysely";
import { sql } from "kysely";
import type { CreateDriftIgnore, DriftIgnore } from "../contract/drift.ts";
import type { Database, Transaction } from "../database.ts";

/** Of removed rules the newest are listed; all of them are in the audit log. */
const MOST_LISTED = 500;

/** Makes a rule that counts until so many days from now by the database's clock. */
export async function insertIgnore(
  trx: Transaction,
  stackId: string,
  { urn, path, reason, expiresInDays }: CreateDriftIgnore,
  principal: string,
): Promise<DriftIgnore> {
  const id = randomUUID();
  await sql`
    insert into drift_ignores (id, stack_id, urn_glob, path, reason, expires_at, created_by)
    values (${id}, ${stackId}, ${urn}, ${path ?? null}, ${reason}, now() + ${expiresInDays} * interval '1 day', ${principal})`.execute(
    trx,
  );
  const [made] = await select(trx, stackId, sql`i.id = ${id}`);
  if (made === undefined) throw new Error("the rule that was just made is not there");
  return made;
}

/** Rules of a stack, newest first. */
export function listIgnores(db: Database, stackId: string): Promise<DriftIgnore[]> {
  return select(db, stackId, sql`true`);
}

/** Ends a rule; undefined when the stack has none with that id. `isNew`: it counted until now. */
export async function removeIgnore(
  trx: Transaction,
  stackId: string,
  id: string,
  principal: string,
): Promise<{ rule: DriftIgnore; isNew: boolean } | undefined> {
  const { numAffectedRows } = await sql`
    update drift_ignores set removed_at = now(), removed_by = ${principal}
    where stack_id = ${stackId} and id = ${id} and removed_at is null`.execute(trx);
  const [rule] = await select(trx, stackId, sql`i.id = ${id}`);
  return rule && { rule, isNew: numAffectedRows === 1n };
}

interface IgnoreRow extends Omit<DriftIgnore, "createdAt" | "expiresAt" | "matchedAt" | "removedAt"> {
  createdAt: Date;
  expiresAt: Date;
  matchedAt: Date | null;
  removedAt: Date | null;
}

async function select(db: Database, stackId: string, where: RawBuilder<unknown>): Promise<DriftIgnore[]> {
  // A stack that nobody has checked for so long says nothing about what its rules match.
  const { rows } = await sql<IgnoreRow>`
    select i.id, i.urn_glob as urn, i.path, i.reason, i.created_at as "createdAt", i.created_by as "createdBy",
      i.expires_at as "expiresAt", i.matched_at as "matchedAt", i.removed_at as "removedAt", i.removed_by as "removedBy",
      case when i.removed_at is not null then 'removed' when i.expires_at <= now() then 'expired' else 'active' end as status,
      i.removed_at is null and i.expires_at > now() and exists (
        select 1 from drift_checks c where c.stack_id = i.stack_id and c.status <> 'unknown'
          and c.checked_at > coalesce(i.matched_at, i.created_at) + interval '30 days') as flagged
    from drift_ignores i where i.stack_id = ${stackId} and ${where}
    order by i.created_at desc, i.id desc limit ${MOST_LISTED}`.execute(db);
  return rows.map((row) => ({
    ...row,
    createdAt: row.createdAt.toISOString(),
    expiresAt: row.expiresAt.toISOString(),
    matchedAt: row.matchedAt?.toISOString() ?? null,
    removedAt: row.removedAt?.toISOString() ?? null,
  }));
}
