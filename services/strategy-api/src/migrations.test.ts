import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { migrationsFolder } from "./bundle.ts";
import { pendingMigrations, readMigrations } from "./migrations.ts";

const folder = mkdtempSync(join(tmpdir(), "strategy-api-migrations-"));
afterAll(() => rmSync(folder, { recursive: true }));

const one = { version: 1, name: "000001_one.sql", sql: "", checksum: "a", isBreaking: false };
const two = { version: 2, name: "000002_two.sql", sql: "", checksum: "b", isBreaking: false };
const three = { version: 3, name: "000003_three.sql", checksum: "c", isBreaking: false };

describe("which migrations are still to run", () => {
  it("those that the database has not seen, in order", () => {
    expect(pendingMigrations([one, two], [])).toEqual([one, two]);
    expect(pendingMigrations([one, two], [one])).toEqual([two]);
  });

  it("none for an older program on a newer schema", () => {
    expect(pendingMigrations([one, two], [one, two, three])).toEqual([]);
  });

  it("an older program refuses a schema with a breaking migration that it does not know", () => {
    expect(() => pendingMigrations([one], [one, { ...two, isBreaking: true }])).toThrow("cannot run on");
  });

  it("an edited migration is refused", () => {
    expect(() => pendingMigrations([one], [{ ...one, checksum: "z" }])).toThrow("was edited");
  });
});

describe("the files", () => {
  it("of this service are in order", () => {
    expect(readMigrations(migrationsFolder()).map((migration) => migration.version)).toEqual([1, 2, 3, 4]);
  });

  it("with a gap or a wrong name are refused", () => {
    writeFileSync(join(folder, "000001_one.sql"), "select 1;");
    writeFileSync(join(folder, "000003_three.sql"), "-- breaking: drops a column\nselect 1;");
    expect(() => readMigrations(folder)).toThrow("000003_three.sql is out of order");
    rmSync(join(folder, "000001_one.sql"));
    writeFileSync(join(folder, "000003_three.sql.orig"), "");
    expect(() => readMigrations(folder)).toThrow("out of order");
  });
});
