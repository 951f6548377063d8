import path from "node:path";
import pg from "pg";
import type { StartConfig } from "../config.ts";
import { readMigrations } from "../database/migrations.ts";
import { messageOf, SlipwayError } from "../errors.ts";
import { runningPostgresUrl } from "../postgres/embedded.ts";
import { checkExternalPostgres } from "../postgres/external.ts";
import { type DoctorCheck, fail, ok, warn } from "./check.ts";

const CONNECT_TIMEOUT_MS = 5_000;

/** Is the database there, and does its schema fit this program? Nothing is started or migrated. */
export async function checkDatabase(config: StartConfig): Promise<DoctorCheck[]> {
  const url = config.databaseUrl ?? runningPostgresUrl(path.join(config.dataDir, "postgres"));
  if (url === undefined) {
    return [warn("database", `not running on ${config.dataDir}`, "npm start starts it.")];
  }
  const of = config.databaseUrl === undefined ? "of its own" : "of DATABASE_URL";
  try {
    const version = await checkExternalPostgres(url);
    return [ok("database", `PostgreSQL ${version} ${of}`), await checkSchema(url)];
  } catch (error) {
    const remedy = error instanceof SlipwayError ? error.remedy : undefined;
    return [fail("database", messageOf(error), remedy ?? "See postgres/postgres.log in the data folder.")];
  }
}

async function checkSchema(url: string): Promise<DoctorCheck> {
  const known = (await readMigrations()).length;
  const present = await schemaVersion(url);
  if (present === known) return ok("schema", `version ${present}`);
  if (present > known) {
    return fail(
      "schema",
      `version ${present}, this Slipway knows ${known}`,
      "Start the newer Slipway that migrated it.",
    );
  }
  return fail(
    "schema",
    `version ${present} of ${known}`,
    "npm start migrates it; or run node automation/src/migrate.ts with DATABASE_URL.",
  );
}

async function schemaVersion(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  await client.connect();
  try {
    const { rows: tables } = await client.query(
      "select 1 from pg_tables where tablename = 'schema_versions'",
    );
    if (tables.length === 0) return 0;
    const { rows } = await client.query<{ version: number }>(
      "select coalesce(max(version), 0)::integer as version from schema_versions",
    );
    return rows[0]?.version ?? 0;
  } finally {
    await client.end();
  }
}
