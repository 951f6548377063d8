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
