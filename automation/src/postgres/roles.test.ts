import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestDatabase } from "../../../test/helpers/postgres.ts";
import { testPostgres } from "../../../test/helpers/postgres.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await testPostgres().freshDatabase({ empty: true });
});
afterAll(() => database.drop());

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

test("the server's role is no superuser and may make no role", async () => {
  expect(
    await query(
      database.url,
      "select rolsuper, rolcreaterole, rolcreatedb from pg_roles where rolname = current_user",
    ),
  ).toEqual([{ rolsuper: false, rolcreaterole: false, rolcreatedb: false }]);
});

test("the keeper's role makes roles and databases but cannot open Slipway's own database", async () => {
  const { keeperUrl } = testPostgres();
  await query(keeperUrl, "create role sample_of_roles_test login");
  await query(keeperUrl, "create database sample_of_roles_test owner slipway_keeper");
  await query(keeperUrl, "drop database sample_of_roles_test");
  await query(keeperUrl, "drop role sample_of_roles_test");
  const own = new URL(keeperUrl);
  own.pathname = "/slipway";
  await expect(query(own.href, "select 1")).rejects.toThrow(/permission denied for database/);
});
