import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { TestDatabase } from "../../../test/helpers/postgres.ts";
import { testPostgres } from "../../../test/helpers/postgres.ts";
import { migrate, readMigrations } from "./migrations.ts";

let database: TestDatabase;
let folder: string;

beforeEach(async () => {
  database = await testPostgres().freshDatabase({ empty: true });
  folder = await mkdtemp(path.join(tmpdir(), "slipway-migrations-"));
  await cp(path.resolve(import.meta.dirname, "../../migrations"), folder, { recursive: true });
});
afterEach(async () => {
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});

test("two runners at once apply every migration exactly once", async () => {
  const known = await readMigrations();
  const runs = await Promise.all([migrate(database.url), migrate(database.url), migrate(database.url)]);
  expect(runs.flat().sort()).toEqual(known.map((migration) => migration.name));
  expect(await migrate(database.url)).toEqual([]);
});

test("a failing migration leaves nothing behind and can be run again", async () => {
  const known = await readMigrations();
  const next = path.join(folder, `${String(known.length + 1).padStart(6, "0")}_half.sql`);
  await writeFile(next, "create table half (id integer); select 1 / 0;");
  await expect(migrate(database.url, { folder })).rejects.toMatchObject({ code: "migration_failed" });
  expect(await tablesNamed("half")).toBe(0);
  await writeFile(next, "create table half (id integer);");
  expect(await migrate(database.url, { folder })).toEqual([path.basename(next)]);
  expect(await tablesNamed("half")).toBe(1);
});

test("an older program refuses a schema of a newer one and names the command to run", async () => {
  const known = await readMigrations();
  await writeFile(path.join(folder, `${String(known.length + 1).padStart(6, "0")}_newer.sql`), "select 1;");
  await migrate(database.url, { folder });
  await expect(migrate(database.url)).rejects.toMatchObject({
    code: "schema_too_new",
    remedy: expect.stringContaining("npm start") as string,
  });
});

test("a file that breaks the numbering is refused before anything is applied", async () => {
  await writeFile(path.join(folder, "000999_gap.sql"), "select 1;");
  await expect(migrate(database.url, { folder })).rejects.toThrow("000999_gap.sql");
  expect(await tablesNamed("projects")).toBe(0);
});

async function tablesNamed(name: string): Promise<number> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    const { rowCount } = await client.query("select 1 from pg_tables where tablename = $1", [name]);
    return rowCount ?? 0;
  } finally {
    await client.end();
  }
}
