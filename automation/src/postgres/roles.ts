import pg from "pg";
import type { Credentials } from "./credentials.ts";

const CONNECT_TIMEOUT_MS = 5_000;

/** Builds a connection string for the embedded Postgres. */
export function connectionUrl(port: number, user: string, password: string, database: string): string {
  return `postgres://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`;
}

/**
 * Makes what Slipway needs inside a fresh cluster, and leaves it as it is in a later one: role `slipway` with its database
 * of the same name, which nobody else may connect to, and role `slipway_keeper`, which makes the databases of what is deployed.
 */
export async function ensureRoles(port: number, credentials: Credentials): Promise<void> {
  const client = new pg.Client({
    connectionString: connectionUrl(port, "postgres", credentials.admin, "postgres"),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  await client.connect();
  try {
    // A failing statement is written to the log, and these hold passwords.
    await client.query("set log_min_error_statement = panic");
    const { rows } = await client.query<{ name: string }>(
      "select rolname as name from pg_roles union all select 'database ' || datname from pg_database",
    );
    const present = new Set(rows.map((row) => row.name));
    const make = async (role: string, rights: string, password: string) => {
      if (present.has(role)) return;
      await client.query(`create role ${role} login ${rights} password ${client.escapeLiteral(password)}`);
    };
    await make("slipway", "", credentials.server);
    await make("slipway_keeper", "createdb createrole", credentials.keeper);
    if (!present.has("database slipway")) await client.query("create database slipway owner slipway");
    await client.query("revoke connect on database slipway from public");
  } finally {
    await client.end();
  }
}
