import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { TestDatabase } from "../../../test/helpers/postgres.ts";
import { testPostgres } from "../../../test/helpers/postgres.ts";
import type { OpenDatabase } from "../database.ts";
import { openDatabase } from "../database.ts";
import { ensureOwnerToken } from "./owner-token.ts";
import { findActorOfToken } from "./store.ts";
import { hashToken } from "./token.ts";

let database: TestDatabase;
let open: OpenDatabase;
let home: string;
beforeAll(async () => {
  database = await testPostgres().freshDatabase();
  open = openDatabase(database.url, { applicationName: "slipway-test" });
});
afterAll(async () => {
  await open.close();
  await database.drop();
});
beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), "slipway-owner-"));
  for (const machine of ["a", "b", "c", "d"]) await mkdir(path.join(home, machine));
  await open.db.deleteFrom("tokens").execute();
});
afterEach(() => rm(home, { recursive: true, force: true }));

const fileOf = (machine: string): string => path.join(home, machine, "owner-token");
const start = (machine: string): Promise<string> => ensureOwnerToken(open.db, fileOf(machine), new Date());
const tokenOf = async (machine: string): Promise<string> => (await readFile(fileOf(machine), "utf8")).trim();
const counts = async (token: string): Promise<boolean> =>
  (await findActorOfToken(open.db, hashToken(token))) !== undefined;

test("a second server with a data folder of its own makes no token and ends none", async () => {
  expect(await start("a")).toBe("here");
  const token = await tokenOf("a");
  expect(await start("b")).toBe("elsewhere");
  await expect(stat(fileOf("b"))).rejects.toMatchObject({ code: "ENOENT" });
  expect(await start("a")).toBe("here");
  expect(await tokenOf("a")).toBe(token);
  expect(await counts(token)).toBe(true);
});

test("of many servers that are the first at once, one makes the token that counts", async () => {
  const machines = ["a", "b", "c", "d"];
  // With connections at hand all of them look before any has written.
  await Promise.all(machines.map(() => sql`select pg_sleep(0.1)`.execute(open.db)));
  const places = await Promise.all(machines.map(start));
  expect(places.toSorted()).toEqual(["elsewhere", "elsewhere", "elsewhere", "here"]);
  const first = machines[places.indexOf("here")] ?? "";
  expect(await counts(await tokenOf(first))).toBe(true);
  for (const machine of machines.filter((name) => name !== first))
    await expect(stat(fileOf(machine))).rejects.toMatchObject({ code: "ENOENT" });
});

test("where it was made, a deleted file means another token; elsewhere an empty one does", async () => {
  await start("a");
  const first = await tokenOf("a");
  await rm(fileOf("a"));
  expect(await start("a")).toBe("here");
  const second = await tokenOf("a");
  expect([await counts(first), await counts(second)]).toEqual([false, true]);

  expect(await start("b")).toBe("elsewhere");
  await writeFile(fileOf("b"), "", { mode: 0o600 });
  expect(await start("b")).toBe("here");
  const third = await tokenOf("b");
  expect([await counts(second), await counts(third)]).toEqual([false, true]);
  // The first machine's file is old now; starting there brings nothing back.
  await start("a");
  expect([await counts(second), await counts(third)]).toEqual([false, true]);
});

test("a copy of the file serves a second machine as it is", async () => {
  await start("a");
  await start("b");
  await writeFile(fileOf("b"), await readFile(fileOf("a")), { mode: 0o600 });
  expect(await start("b")).toBe("here");
  expect(await counts(await tokenOf("b"))).toBe(true);
});
