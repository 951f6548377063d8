import { sql } from "kysely";
import type { ConfigValue } from "../contract/stacks.ts";
import type { StoredConfig } from "../database/tables.ts";
import type { Database, Transaction } from "../database.ts";

/** A value to store: clear text, or what secrets/config-secrets.ts sealed. */
export type NewConfigValue =
  | { secret: false; value: string; ciphertext: null }
  | { secret: true; value: null; ciphertext: Buffer };

interface Row {
  key: string;
  secret: boolean;
  value: string | null;
  updated_at: Date;
  updated_by: string;
}

/** Config of a stack by key, without the values of secrets. */
export async function listConfig(db: Database, stackId: string): Promise<ConfigValue[]> {
  const rows = await db
    .selectFrom("stack_config")
    .select(["key", "secret", "value", "updated_at", "updated_by"])
    .where("stack_id", "=", stackId)
    .orderBy("key")
    .execute();
  return rows.map(toConfigValue);
}

/** Sets one value, in place of the one before. */
export async function putConfig(
  trx: Transaction,
  stackId: string,
  key: string,
  value: NewConfigValue,
  updatedBy: string,
): Promise<ConfigValue> {
  const changed = { ...value, updated_by: updatedBy, updated_at: sql<Date>`now()` };
  const row = await trx
    .insertInto("stack_config")
    .values({ stack_id: stackId, key, ...changed })
    .onConflict((conflict) => conflict.columns(["stack_id", "key"]).doUpdateSet(changed))
    .returning(["key", "secret", "value", "updated_at", "updated_by"])
    .executeTakeFirstOrThrow();
  return toConfigValue(row);
}

/** Removes one value. Answers false when there was none. */
export async function deleteConfig(trx: Transaction, stackId: string, key: string): Promise<boolean> {
  const row = await trx
    .deleteFrom("stack_config")
    .where("stack_id", "=", stackId)
    .where("key", "=", key)
    .returning("key")
    .executeTakeFirst();
  return row !== undefined;
}

/** Config of a stack in the form of a deployment's snapshot: secrets stay sealed. */
export async function readStoredConfig(db: Database, stackId: string): Promise<StoredConfig> {
  const rows = await db
    .selectFrom("stack_config")
    .select(["key", "value", "ciphertext"])
    .where("stack_id", "=", stackId)
    .execute();
  return Object.fromEntries(
    rows.map(({ key, value, ciphertext }) => [
      key,
      ciphertext === null
        ? { secret: false, value: value ?? "" }
        : { secret: true, ciphertext: ciphertext.toString("base64") },
    ]),
  );
}

function toConfigValue(row: Row): ConfigValue {
  return {
    key: row.key,
    secret: row.secret,
    value: row.value,
    updatedAt: row.updated_at.toISOString(),
    updatedBy: row.updated_by,
  };
}
