import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Database, inTransaction, type Queryable } from "./database.ts";

/** Any fixed number that nothing else on this database uses: two processes that start at once take turns. */
const ADVISORY_LOCK = 7_420_117;
const FILE_NAME = /^(\d{6})_[a-z0-9_]+\.sql$/;

export type Migration = {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
  /** Its first line says `-- breaking`: programs that do not know it must not run on the schema. */
  readonly isBreaking: boolean;
};

export type AppliedMigration = {
  readonly version: number;
  readonly name: string;
  readonly checksum: string;
  readonly isBreaking: boolean;
};

/** A schema that this build cannot run on. */
class MigrationError extends Error {
  override readonly name = "MigrationError";
}

/** The migrations of a folder in order. Throws when a name is not NNNNNN_words.sql or a number is missing. */
export function readMigrations(folder: string): Migration[] {
  const names = readdirSync(folder).sort();
  return names.map((name, index) => {
    const version = Number(FILE_NAME.exec(name)?.[1]);
    if (version !== index + 1) {
      throw new MigrationError(`${name} is out of order: number ${index + 1} was expected.`);
    }
    const sql = readFileSync(join(folder, name), "utf8");
    return {
      version,
      name,
      sql,
      checksum: createHash("sha256").update(sql).digest("hex"),
      isBreaking: sql.startsWith("-- breaking"),
    };
  });
}

/**
 * Which migrations are still to run. A newer schema is accepted, since a rollback brings back an older program,
 * unless a migration that this program does not know is marked breaking; an edited one is refused.
 */
export function pendingMigrations(
  known: readonly Migration[],
  applied: readonly AppliedMigration[],
): readonly Migration[] {
  const byVersion = new Map(known.map((migration) => [migration.version, migration]));
  for (const row of applied) {
    const migration = byVersion.get(row.version);
    if (migration === undefined) {
      if (row.isBreaking)
        throw new MigrationError(`The schema has ${row.name}, which this version cannot run on.`);
    } else if (migration.checksum !== row.checksum) {
      throw new MigrationError(`${migration.name} was edited after it had been applied.`);
    }
  }
  const done = new Set(applied.map((row) => row.version));
  return known.filter((migration) => !done.has(migration.version));
}

/** The migrations recorded in the database, oldest first. */
export async function appliedMigrations(db: Queryable): Promise<AppliedMigration[]> {
  const { rows } = await db.query<AppliedMigration>(
    `select version, name, checksum, is_breaking as "isBreaking" from schema_migrations order by version`,
  );
  return rows;
}

/** Applies what is missing, in one transaction under a lock, and returns the names of what it applied. */
export async function migrate(db: Database, known: readonly Migration[]): Promise<string[]> {
  return inTransaction(db, async (tx) => {
    await tx.query("select pg_advisory_xact_lock($1)", [ADVISORY_LOCK]);
    await tx.query(
      `create table if not exists schema_migrations (
         version integer primary key,
         name text not null,
         checksum text not null,
         is_breaking boolean not null,
         applied_at timestamptz not null default now()
       )`,
    );
    const pending = pendingMigrations(known, await appliedMigrations(tx));
    for (const migration of pending) {
      await tx.query(
        "insert into schema_migrations (version, name, checksum, is_breaking) values ($1, $2, $3, $4)",
        [migration.version, migration.name, migration.checksum, migration.isBreaking],
      );
      await tx.query(migration.sql);
    }
    return pending.map((migration) => migration.name);
  });
}
