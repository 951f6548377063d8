import { sql } from "kysely";
import type { RetentionCategory, RetentionLimits, RetentionRule } from "../contract/retention.ts";
import { RetentionCategory as Category } from "../contract/retention.ts";
import type { Database, Transaction } from "../database.ts";
import { RETENTION_LOCK } from "./lock.ts";
import { CATEGORIES } from "./rules.ts";

/** The limits in force, with what was collected so far. */
export async function listRules(db: Database): Promise<RetentionRule[]> {
  const settings = await db.selectFrom("retention_settings").selectAll().execute();
  const totals = await db.selectFrom("retention_totals").selectAll().execute();
  return Category.options.map((category) => {
    const set = settings.find((one) => one.category === category);
    const total = totals.find((one) => one.category === category);
    const { what, limits } = CATEGORIES[category];
    return {
      category,
      what,
      limits: set === undefined ? limits : { maxAgeDays: set.max_age_days, maxBytes: set.max_bytes },
      isDefault: set === undefined,
      removed: total?.removed ?? 0,
      freedBytes: total?.freed_bytes ?? 0,
      lastRunAt: total?.last_run_at.toISOString() ?? null,
    };
  });
}

/** Puts limits in the place of a category's. */
export async function putLimits(
  trx: Transaction,
  category: RetentionCategory,
  limits: RetentionLimits,
  principal: string,
): Promise<void> {
  const row = { max_age_days: limits.maxAgeDays, max_bytes: limits.maxBytes, updated_by: principal };
  await trx
    .insertInto("retention_settings")
    .values({ category, ...row })
    .onConflict((conflict) =>
      conflict.column("category").doUpdateSet({ ...row, updated_at: sql<Date>`now()` }),
    )
    .execute();
}

/** Makes a category's limits those of the program again. */
export async function removeLimits(trx: Transaction, category: RetentionCategory): Promise<void> {
  await trx.deleteFrom("retention_settings").where("category", "=", category).execute();
}

/** Makes this transaction the only one that collects, and no backup be under way meanwhile; false when that cannot be now. */
export async function tryToCollect(trx: Transaction): Promise<boolean> {
  const { rows } = await sql<{ taken: boolean }>`
    select pg_try_advisory_xact_lock(${RETENTION_LOCK}) as taken`.execute(trx);
  return rows[0]?.taken === true;
}

/** Adds to what was collected. */
export async function addTotals(
  trx: Transaction,
  category: RetentionCategory,
  removed: number,
  freedBytes: number,
): Promise<void> {
  await sql`
    insert into retention_totals (category, removed, freed_bytes, last_run_at) values (${category}, ${removed}, ${freedBytes}, now())
    on conflict (category) do update set removed = retention_totals.removed + excluded.removed,
      freed_bytes = retention_totals.freed_bytes + excluded.freed_bytes, last_run_at = now()`.execute(trx);
}

/** Lockfiles whose installed dependencies something can still need. */
export async function pinnedLockfiles(db: Database): Promise<Set<string>> {
  const { rows } = await sql<{ digest: string }>`
    select lockfile_digest as digest from releases where health <> 'bad' and lockfile_digest is not null
    union select k.lockfile_digest from policy_rules r join policy_packs k on k.id = r.pack_id where r.disabled_at is null
    union select lockfile_digest from deployments where finished_at is null and lockfile_digest is not null
    union select d.lockfile_digest from stacks s cross join lateral (
      select lockfile_digest from deployments where stack_id = s.id order by number desc limit 3) d
      where s.removed_at is null and d.lockfile_digest is not null`.execute(db);
  return new Set(rows.map(({ digest }) => digest));
}

/** Digests of contents that somebody may be reading now. */
export async function wantedContents(db: Database): Promise<Set<string>> {
  const { rows } = await sql<{ digest: string }>`
    select digest from artifact_contents where used_at > now() - interval '2 hours'`.execute(db);
  return new Set(rows.map(({ digest }) => digest));
}

/** Digests whose content the database has. */
export async function storedContents(db: Database): Promise<Set<string>> {
  const { rows } = await sql<{ digest: string }>`select digest from artifact_contents`.execute(db);
  return new Set(rows.map(({ digest }) => digest));
}
