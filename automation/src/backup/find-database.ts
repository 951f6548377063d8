import path from "node:path";
import pg from "pg";
import type { StartConfig } from "../config.ts";
import { readMigrations } from "../database/migrations.ts";
import { VALUE_TYPES } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { runningPostgresUrl } from "../postgres/embedded.ts";
import { checkExternalPostgres } from "../postgres/external.ts";

const CONNECT_TIMEOUT_MS = 10_000;

/** Connection string of this installation's database: DATABASE_URL, else of the embedded one while it runs. Throws SlipwayError `database_stopped`. */
export async function findDatabaseUrl(config: StartConfig): Promise<string> {
  if (config.databaseUrl !== undefined) {
    await checkExternalPostgres(config.databaseUrl);
    return config.databaseUrl;
  }
  const url = runningPostgresUrl(path.join(config.dataDir, "postgres"));
  if (url !== undefined) return url;
  throw new SlipwayError("database_stopped", `The database of ${config.dataDir} does not run.`, {
    remedy:
      "Start Slipway: a backup is taken while it serves. SLIPWAY_DATA_DIR or DATABASE_URL names another installation.",
  });
}

/** One connection, which the caller ends. A connection that breaks is reported by the statement that runs then. */
export async function connectTo(url: string, applicationName: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: applicationName,
    keepAlive: true,
    types: VALUE_TYPES,
  });
  client.on("error", () => {});
  await client.connect();
  return client;
}

/** Throws SlipwayError `schema_too_old` or `schema_too_new` unless the database has the schema that this program knows. */
export async function requireOwnSchema(version: number): Promise<void> {
  const known = (await readMigrations()).length;
  if (version === known) return;
  throw new SlipwayError(
    version < known ? "schema_too_old" : "schema_too_new",
    `The database has schema version ${version}, this Slipway knows ${known}.`,
    {
      remedy: "Run the command of the Slipway that serves this database.",
    },
  );
}
