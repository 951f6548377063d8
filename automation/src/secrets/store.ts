import { sql } from "kysely";
import type { Database, Transaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";

/** A data key as the database has it. */
export interface WrappedDataKey {
  stackId: string;
  version: number;
  wrappingKey: string;
  wrapped: Buffer;
  /** False: perhaps of the caller's own transaction, which may still be rolled back. */
  committed: boolean;
}

/** The newest data key of a stack, or one version of it; undefined when there is none. */
export async function findDataKey(
  db: Database,
  stackId: string,
  version?: number,
): Promise<WrappedDataKey | undefined> {
  return db
    .selectFrom("data_keys")
    .select([
      "stack_id as stackId",
      "version",
      "wrapping_key as wrappingKey",
      "wrapped",
      // created_at is the time of the transaction that made the key; ours has the same.
      sql<boolean>`created_at <> now()`.as("committed"),
    ])
    .where("stack_id", "=", stackId)
    .$if(version !== undefined, (query) => query.where("version", "=", version ?? 0))
    .orderBy("version", "desc")
    .limit(1)
    .executeTakeFirst();
}

/**
 * Lets one transaction at a time make data keys of a stack. Taken before the insert: its foreign key would wait for whoever holds the
 * stack's row only after the key's row is there, and that one may be waiting for the key's row. Answers false when there is no such stack.
 */
export async function lockForDataKeys(trx: Transaction, stackId: string): Promise<boolean> {
  const { rows } = await sql`select 1 from stacks where id = ${stackId} for no key update`.execute(trx);
  return rows.length > 0;
}

/** Adds a data key. Throws `conflict` when its wrapping key was retired meanwhile: whatever was left to move has been moved. */
export async function insertDataKey(trx: Transaction, key: Omit<WrappedDataKey, "committed">): Promise<void> {
  await holdWrappingKey(trx, key.wrappingKey);
  await trx
    .insertInto("data_keys")
    .values({
      stack_id: key.stackId,
      version: key.version,
      wrapping_key: key.wrappingKey,
      wrapped: key.wrapped,
    })
    .execute();
}

/** Keeps a wrapping key from being retired until the transaction ends. */
async function holdWrappingKey(trx: Transaction, id: string): Promise<void> {
  const { rows } = await sql<{
    retired: boolean;
  }>`select retired_at is not null as retired from wrapping_keys where id = ${id} for share`.execute(trx);
  if (rows[0]?.retired === false) return;
  throw new SlipwayError("conflict", `The wrapping key ${id} is retired; it takes no new data keys.`, {
    remedy:
      "Start this process with the SLIPWAY_KEY that the others have; `slipway keys list` names the key in use.",
  });
}

/** A key that belongs to no stack. */
export async function findInstallationKey(
  db: Database,
  name: string,
): Promise<{ wrappingKey: string; wrapped: Buffer } | undefined> {
  return db
    .selectFrom("installation_keys")
    .select(["wrapping_key as wrappingKey", "wrapped"])
    .where("name", "=", name)
    .executeTakeFirst();
}

/** Adds a key that belongs to no stack, unless somebody else was first: look again then. */
export async function insertInstallationKey(
  trx: Transaction,
  key: { name: string; wrappingKey: string; wrapped: Buffer },
): Promise<void> {
  await holdWrappingKey(trx, key.wrappingKey);
  await trx
    .insertInto("installation_keys")
    .values({ name: key.name, wrapping_key: key.wrappingKey, wrapped: key.wrapped })
    .onConflict((conflict) => conflict.column("name").doNothing())
    .execute();
}

/** A wrapping key that the database knows. */
export interface KnownWrappingKey {
  id: string;
  canary: Buffer;
  retired: boolean;
  createdAt: Date;
  /** Data keys and keys of the installation that it wraps. */
  wraps: number;
}

/** Wrapping keys, oldest first. */
export async function listWrappingKeys(db: Database): Promise<KnownWrappingKey[]> {
  const { rows } = await sql<KnownWrappingKey>`
    select id, canary, retired_at is not null as retired, created_at as "createdAt",
      (select count(*) from data_keys where wrapping_key = w.id)
      + (select count(*) from installation_keys where wrapping_key = w.id) as wraps
    from wrapping_keys w order by created_at, id`.execute(db);
  return rows;
}

/** Makes a wrapping key known, or takes a retired one back into use. Answers its canary: that of whoever was first. */
export async function putWrappingKey(db: Database, id: string, canary: Buffer): Promise<Buffer> {
  const row = await db
    .insertInto("wrapping_keys")
    .values({ id, canary })
    .onConflict((conflict) => conflict.column("id").doUpdateSet({ retired_at: null }))
    .returning("canary")
    .executeTakeFirstOrThrow();
  return row.canary;
}

/** Whether config values are stored that were sealed before there were data keys. */
export async function hasOldSecrets(db: Database): Promise<boolean> {
  const { rows } = await sql<{ found: boolean }>`
    select exists (select from stack_config where get_byte(ciphertext, 0) = 1) as found`.execute(db);
  return rows[0]?.found === true;
}

/** Versions of a stack's data key, newest first, without the keys. */
export async function listDataKeys(
  db: Database,
  stackId: string,
): Promise<{ version: number; wrappingKey: string; createdAt: Date }[]> {
  return db
    .selectFrom("data_keys")
    .select(["version", "wrapping_key as wrappingKey", "created_at as createdAt"])
    .where("stack_id", "=", stackId)
    .orderBy("version", "desc")
    .execute();
}

/** A stack with a name for its audit entry. */
export interface NamedStack {
  stackId: string;
  organisation: string;
  project: string;
  stack: string;
}

const ROTATABLE = sql`
  from stacks s join projects p on p.id = s.project_id
  join lateral (select max(created_at) as newest from data_keys where stack_id = s.id) k on true
  where s.removed_at is null and k.newest`;

/** Stacks whose newest data key was made before an instant, and how many there are in all. */
export async function findStacksToRotate(
  db: Database,
  before: Date,
  limit: number,
): Promise<{ stacks: NamedStack[]; count: number }> {
  const { rows: stacks } = await sql<NamedStack>`
    select s.id as "stackId", p.organisation, p.name as project, s.name as stack ${ROTATABLE} < ${before}
    order by s.id limit ${limit}`.execute(db);
  const { rows } = await sql<{ count: number }>`select count(*) as count ${ROTATABLE} < ${before}`.execute(
    db,
  );
  return { stacks, count: rows[0]?.count ?? 0 };
}

/** The database's clock, to the millisecond. */
export async function readNow(db: Database): Promise<Date> {
  const { rows } = await sql<{
    now: Date;
  }>`select date_trunc('milliseconds', clock_timestamp()) as now`.execute(db);
  return rows[0]?.now ?? new Date(0);
}

/** Data keys that another key wraps, locked: two who move them at once take turns. */
export async function lockDataKeysWrappedOtherwise(
  trx: Transaction,
  wrappingKey: string,
  limit: number,
): Promise<Omit<WrappedDataKey, "committed">[]> {
  const { rows } = await sql<Omit<WrappedDataKey, "committed">>`
    select stack_id as "stackId", version, wrapping_key as "wrappingKey", wrapped from data_keys
    where wrapping_key <> ${wrappingKey} order by stack_id, version limit ${limit} for update`.execute(trx);
  return rows;
}

/** The same for keys that belong to no stack; all of them. */
export async function lockInstallationKeysWrappedOtherwise(
  trx: Transaction,
  wrappingKey: string,
): Promise<{ name: string; wrappingKey: string; wrapped: Buffer }[]> {
  const { rows } = await sql<{ name: string; wrappingKey: string; wrapped: Buffer }>`
    select name, wrapping_key as "wrappingKey", wrapped from installation_keys
    where wrapping_key <> ${wrappingKey} order by name for update`.execute(trx);
  return rows;
}

/** Puts a data key's new wrapping in place of the old one. */
export async function rewrapDataKey(trx: Transaction, key: Omit<WrappedDataKey, "committed">): Promise<void> {
  await trx
    .updateTable("data_keys")
    .set({ wrapping_key: key.wrappingKey, wrapped: key.wrapped })
    .where("stack_id", "=", key.stackId)
    .where("version", "=", key.version)
    .execute();
}

/** The same for a key that belongs to no stack. */
export async function rewrapInstallationKey(
  trx: Transaction,
  key: { name: string; wrappingKey: string; wrapped: Buffer },
): Promise<void> {
  await trx
    .updateTable("installation_keys")
    .set({ wrapping_key: key.wrappingKey, wrapped: key.wrapped })
    .where("name", "=", key.name)
    .execute();
}

/** How many keys are wrapped by another key. */
export async function countWrappedOtherwise(db: Database, wrappingKey: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select (select count(*) from data_keys where wrapping_key <> ${wrappingKey})
    + (select count(*) from installation_keys where wrapping_key <> ${wrappingKey}) as count`.execute(db);
  return rows[0]?.count ?? 0;
}

/** Retires the wrapping keys but one that wrap nothing; answers which were not retired before. */
export async function retireUnused(trx: Transaction, current: string): Promise<string[]> {
  // In a statement of its own: whoever is about to use one has it locked, and what they add must be seen below.
  await sql`select 1 from wrapping_keys where id <> ${current} and retired_at is null order by id for update`.execute(
    trx,
  );
  const { rows } = await sql<{ id: string }>`
    update wrapping_keys w set retired_at = now()
    where id <> ${current} and retired_at is null
      and not exists (select from data_keys where wrapping_key = w.id)
      and not exists (select from installation_keys where wrapping_key = w.id)
    returning id`.execute(trx);
  return rows.map(({ id }) => id).toSorted();
}
