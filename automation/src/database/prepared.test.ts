import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestDatabase } from "../../../test/helpers/postgres.ts";
import { testPostgres } from "../../../test/helpers/postgres.ts";
import type { OpenDatabase } from "../database.ts";
import { openDatabase } from "../database.ts";
import { prepared } from "./prepared.ts";

let database: TestDatabase;
let open: OpenDatabase;
beforeAll(async () => {
  database = await testPostgres().freshDatabase();
  open = openDatabase(database.url, { applicationName: "slipway-test", poolSize: 1 });
});
afterAll(async () => {
  await open.close();
  await database.drop();
});

const doubled = async (value: number) => {
  const { rows } = await sql<{ doubled: number }>`${prepared("doubled")}
    select ${value}::integer * 2 as doubled`.execute(open.db);
  return rows[0]?.doubled;
};
const kept = async () => {
  const { rows } = await sql<{ name: string; uses: number }>`
    select name, (generic_plans + custom_plans)::integer as uses from pg_prepared_statements`.execute(
    open.db,
  );
  return rows;
};

test("a marked statement is planned by name and run with each call's own values; others are not kept", async () => {
  expect(await kept()).toEqual([]);
  expect([await doubled(1), await doubled(21)]).toEqual([2, 42]);
  await sql`select ${1}::integer`.execute(open.db);
  expect(await kept()).toEqual([{ name: "doubled", uses: 2 }]);
});

test("it works on in the connection that comes after a broken one, and in a transaction", async () => {
  await expect(sql`select pg_terminate_backend(pg_backend_pid())`.execute(open.db)).rejects.toThrow();
  await expect.poll(() => doubled(4)).toBe(8);
  const inside = await open.db.transaction().execute(async (trx) => {
    const { rows } = await sql<{
      doubled: number;
    }>`${prepared("doubled_inside")} select ${5}::integer * 2 as doubled`.execute(trx);
    return rows[0]?.doubled;
  });
  expect(inside).toBe(10);
});

test("what the database refuses is an error of that call alone", async () => {
  const division = (by: number) =>
    sql`${prepared("division")} select 1 / ${by}::integer as result`.execute(open.db);
  await expect(division(0)).rejects.toMatchObject({ code: "22012" });
  await expect(division(1)).resolves.toMatchObject({ rows: [{ result: 1 }] });
});
