import { readFile } from "node:fs/promises";
import path from "node:path";
import { sql } from "kysely";
import ts from "typescript";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestDatabase } from "../../../test/helpers/postgres.ts";
import { testPostgres } from "../../../test/helpers/postgres.ts";
import type { OpenDatabase } from "../database.ts";
import { openDatabase } from "../database.ts";
import { describeSchema } from "./describe-schema.ts";

let database: TestDatabase;
let open: OpenDatabase;
beforeAll(async () => {
  database = await testPostgres().freshDatabase();
  open = openDatabase(database.url, { applicationName: "slipway-test" });
});
afterAll(async () => {
  await open.close();
  await database.drop();
});

test("schema.sql shows the schema of today (vitest -u writes it anew)", async () => {
  await expect(await describeSchema(open.db)).toMatchFileSnapshot("../../schema.sql");
});

test("the row types name the columns that the tables have", async () => {
  const { rows } = await sql<{ table: string; columns: string[] }>`
    select table_name as table, array_agg(column_name::text order by column_name) as columns
    from information_schema.columns where table_schema = 'public' and table_name <> 'schema_versions'
    group by table_name`.execute(open.db);
  const real = Object.fromEntries(rows.map(({ table, columns }) => [table, [...columns].sort()]));
  expect(await columnsOfTypes()).toEqual(real);
});

/** Property names of each member of the interface `Tables`. */
async function columnsOfTypes(): Promise<Record<string, string[]>> {
  const file = path.join(import.meta.dirname, "tables.ts");
  const source = ts.createSourceFile(file, await readFile(file, "utf8"), ts.ScriptTarget.Latest);
  const tables = source.statements.find(
    (statement) => ts.isInterfaceDeclaration(statement) && statement.name.text === "Tables",
  ) as ts.InterfaceDeclaration;
  const name = (member: ts.TypeElement) => (member.name as ts.Identifier).text;
  return Object.fromEntries(
    tables.members.map((member) => {
      const type = (member as ts.PropertySignature).type as ts.TypeLiteralNode;
      return [name(member), type.members.map(name).sort()];
    }),
  );
}
