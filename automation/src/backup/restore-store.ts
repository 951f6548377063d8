import type pg from "pg";
import { readMigrations } from "../database/migrations.ts";
import { SlipwayError } from "../errors.ts";
import type { Head } from "./manifest.ts";
import { listTables } from "./snapshot-store.ts";

/** Throws SlipwayError `not_empty` for a database with tables of a Slipway, and `in_use` while processes of one are connected to it. */
export async function requireEmptyDatabase(client: pg.Client): Promise<void> {
  const { rows: users } = await client.query<{ name: string }>(
    `select distinct application_name as name from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid() and application_name like 'slipway-%' order by 1`,
  );
  if (users.length > 0) {
    throw new SlipwayError(
      "in_use",
      `The database is in use by ${users.map(({ name }) => name).join(", ")}.`,
      {
        remedy: "Stop every server and worker of this installation first.",
      },
    );
  }
  const tables = await listTables(client);
  const { rows } = await client.query("select 1 where to_regclass('schema_versions') is not null");
  if (rows.length === 0 && tables.length === 0) return;
  throw new SlipwayError("not_empty", `The database has ${tables.length} tables already.`, {
    remedy:
      "Restore into an empty one: with DATABASE_URL, create another database; without, set SLIPWAY_DATA_DIR to a folder that is not there yet.",
  });
}

/** Applies the migrations after version `from` up to `to`, in the caller's transaction. */
export async function applyMigrations(client: pg.Client, from: number, to: number): Promise<void> {
  if (from === 0) {
    await client.query(
      "create table schema_versions (version integer primary key, name text not null, applied_at timestamptz not null default now())",
    );
  }
  for (const { version, name, sql } of (await readMigrations()).slice(from, to)) {
    await client.query("insert into schema_versions (version, name) values ($1, $2)", [version, name]);
    await client.query(sql);
  }
}

/**
 * Takes away what would refuse rows in any order: foreign keys, which point in circles, and triggers of ours. Also the rows that migrations have inserted, since the backup has
 * them. Answers what brings the foreign keys back, which checks every row. No rights beyond those of the tables' owner are needed.
 */
export async function openForLoading(client: pg.Client, head: Head): Promise<() => Promise<void>> {
  const { rows: keys } = await client.query<{ table: string; name: string; definition: string }>(
    `select conrelid::regclass::text as "table", conname as name, pg_get_constraintdef(oid) as definition
     from pg_constraint where contype = 'f' and connamespace = current_schema()::regnamespace order by 1, 2`,
  );
  for (const { table, name } of keys)
    await client.query(`alter table ${table} drop constraint ${client.escapeIdentifier(name)}`);
  for (const { name } of head.tables) {
    await client.query(`alter table ${client.escapeIdentifier(name)} disable trigger user`);
    await client.query(`delete from ${client.escapeIdentifier(name)}`);
  }
  return async () => {
    for (const { table, name, definition } of keys) {
      const constraint = client.escapeIdentifier(name);
      await client.query(`alter table ${table} add constraint ${constraint} ${definition}`);
    }
    for (const { name } of head.tables)
      await client.query(`alter table ${client.escapeIdentifier(name)} enable trigger user`);
  };
}

/** Puts sequences where they were; identity columns count on from there. */
export async function setSequences(client: pg.Client, { sequences }: Head): Promise<void> {
  for (const { name, last, called } of sequences)
    await client.query("select setval($1::regclass, $2, $3)", [client.escapeIdentifier(name), last, called]);
}
