import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { inject } from "vitest";

/** How long connections that a test has closed may take to disappear from the server's list. */
const CLOSING_GRACE_MS = 2_000;
const POLL_MS = 25;

/** A database of one test file. */
export interface TestDatabase {
  /** Connection string of its owner, the role that the product uses. */
  url: string;
  /** Removes it. Throws when connections to it are still open: a pool that was never ended. */
  drop(): Promise<void>;
}

export interface TestPostgres {
  /** Superuser, on database `postgres`. */
  adminUrl: string;
  /** What the product gives its keeper: may create roles and databases. */
  keeperUrl: string;
  /** A copy of the template (all migrations applied) or, with `empty`, a database without any table. */
  freshDatabase(options?: { empty?: boolean }): Promise<TestDatabase>;
}

/** The Postgres of this test run. Use from a test file: `beforeAll(async () => { database = await testPostgres().freshDatabase(); })`. */
export function testPostgres(): TestPostgres {
  const adminUrl = inject("postgresAdminUrl");
  return {
    adminUrl,
    keeperUrl: inject("postgresKeeperUrl"),
    freshDatabase: (options) => clone(options ?? {}),
  };
}

async function clone({ empty = false }: { empty?: boolean }): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString("hex")}`;
  const url = new URL(inject("postgresServerUrl"));
  const template = empty ? "template0" : inject("postgresTemplate");
  await asAdmin((admin) => admin.query(`create database ${name} template ${template} owner ${url.username}`));
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => asAdmin((admin) => drop(admin, name)) };
}

async function drop(admin: pg.Client, name: string): Promise<void> {
  const deadline = performance.now() + CLOSING_GRACE_MS;
  let open = await connections(admin, name);
  while (open.length > 0 && performance.now() < deadline) {
    await sleep(POLL_MS);
    open = await connections(admin, name);
  }
  await admin.query(`drop database if exists ${name} with (force)`);
  if (open.length > 0)
    throw new Error(`the test left ${open.length} connections open; last statements: ${open.join(" | ")}`);
}

async function connections(admin: pg.Client, name: string): Promise<string[]> {
  const { rows } = await admin.query<{ query: string }>(
    "select query from pg_stat_activity where datname = $1 and backend_type = 'client backend'",
    [name],
  );
  return rows.map((row) => row.query);
}

async function asAdmin<T>(work: (admin: pg.Client) => Promise<T>): Promise<void> {
  const admin = new pg.Client({ connectionString: inject("postgresAdminUrl") });
  await admin.connect();
  try {
    await work(admin);
  } finally {
    await admin.end();
  }
}
