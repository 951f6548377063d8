import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { sql } from "kysely";
import pg from "pg";
import type { Database } from "../database.ts";
import { migrateBoss } from "../dispatch/boss-schema.ts";
import { SlipwayError } from "../errors.ts";

const FOLDER = path.resolve(import.meta.dirname, "../../migrations");
const FILE = /^(\d{6})_[a-z0-9_]+\.sql$/;
/** Any number of ours; the same in every version, so that two programs never migrate at once. */
const ADVISORY_LOCK = 7_420_000_001;
const CONNECT_TIMEOUT_MS = 10_000;

/** One file of automation/migrations. */
export interface Migration {
  version: number;
  name: string;
  sql: string;
}

export interface MigrateOptions {
  /** Told before each file that is applied. */
  onProgress?: (message: string) => void;
  /** Another folder than automation/migrations; for tests of the runner. */
  folder?: string;
}

/**
 * Brings the database up to the newest migration and answers the names of the files applied now. Safe to run twice and at
 * once: an advisory lock lets one go first. Throws SlipwayError `schema_too_new` when a newer Slipway has migrated it.
 */
export async function migrate(url: string, options: MigrateOptions = {}): Promise<string[]> {
  const migrations = await readMigrations(options.folder);
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  // A broken connection is reported by the statement that runs then.
  client.on("error", () => {});
  await client.connect();
  try {
    await client.query("select pg_advisory_lock($1)", [ADVISORY_LOCK]);
    await client.query(
      "create table if not exists schema_versions (version integer primary key, name text not null, applied_at timestamptz not null default now())",
    );
    const present = await presentVersion(client);
    refuseNewerSchema(present, migrations);
    const due = migrations.filter((migration) => migration.version > present);
    for (const migration of due) {
      options.onProgress?.(`applying ${migration.name}`);
      await apply(client, migration);
    }
    // Under the same lock: pg-boss's own start would let every process try.
    if (await migrateBoss(client)) options.onProgress?.("made the tables of jobs");
    return due.map((migration) => migration.name);
  } finally {
    // Ends the session and with it the advisory lock.
    await client.end();
  }
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  await client.query("begin");
  try {
    // First, so that a second runner past the lock would stop here and not after half of the file.
    await client.query("insert into schema_versions (version, name) values ($1, $2)", [
      migration.version,
      migration.name,
    ]);
    await client.query(migration.sql);
    await client.query("commit");
  } catch (cause) {
    await client.query("rollback");
    throw new SlipwayError(
      "migration_failed",
      `The migration ${migration.name} failed; nothing of it was kept.`,
      {
        cause,
        remedy: "Read the cause, put it right and migrate again.",
      },
    );
  }
}

/** The migrations in order. Throws when a file does not fit the naming rule or a number is missing or used twice. */
export async function readMigrations(folder = FOLDER): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sql")).sort();
  return Promise.all(
    names.map(async (name, index) => {
      const version = Number(FILE.exec(name)?.[1]);
      if (version !== index + 1)
        throw new Error(`migration ${name} does not fit the numbering 000001_noun.sql, 000002_...`);
      return { version, name, sql: await readFile(path.join(folder, name), "utf8") };
    }),
  );
}

/** The version of a database that has been migrated at least once. */
async function presentVersion(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ version: number }>(
    "select coalesce(max(version), 0)::integer as version from schema_versions",
  );
  return rows[0]?.version ?? 0;
}

/** Throws SlipwayError `schema_too_new` when a newer program has migrated the database. */
export function refuseNewerSchema(present: number, migrations: readonly Migration[]): void {
  if (present <= migrations.length) return;
  throw new SlipwayError(
    "schema_too_new",
    `The database has schema version ${present}, this Slipway knows ${migrations.length}.`,
    { remedy: "Start the newer Slipway that migrated it: git pull && npm start" },
  );
}

/** Throws unless the database has exactly the schema of this program: `schema_too_old` or `schema_too_new`, with the command to run. */
export async function checkSchema(db: Database, migrations: readonly Migration[]): Promise<void> {
  const { rows } = await sql<{
    exists: boolean;
  }>`select to_regclass('schema_versions') is not null as exists`.execute(db);
  const present = rows[0]?.exists === true ? await readVersion(db) : 0;
  refuseNewerSchema(present, migrations);
  if (present === migrations.length) return;
  throw new SlipwayError(
    "schema_too_old",
    `The database has schema version ${present}, this Slipway needs ${migrations.length}.`,
    { remedy: "Run: DATABASE_URL=... node automation/src/migrate.ts" },
  );
}

async function readVersion(db: Database): Promise<number> {
  const { rows } = await sql<{
    version: number;
  }>`select coalesce(max(version), 0) as version from schema_versions`.execute(db);
  return rows[0]?.version ?? 0;
}
