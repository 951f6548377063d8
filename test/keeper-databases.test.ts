import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { DatabaseView } from "../infra/providers/local/contract.ts";
import { temporaryFolder } from "./helpers/folders.ts";
import { testPostgres } from "./helpers/postgres.ts";
import { startKeeperProcess } from "./local-target-support.ts";

async function setUp() {
  const { keeperUrl, adminUrl } = testPostgres();
  const dataDir = path.join(temporaryFolder("database"), "data");
  const keeper = await startKeeperProcess(dataDir, { SLIPWAY_KEEPER_DATABASE_URL: keeperUrl });
  const name = `desk_${randomBytes(5).toString("hex")}`;
  const admin = (sql: string) => query(adminUrl, sql);
  onTestFinished(async () => {
    await admin(`drop database if exists ${name} with (force)`);
    await admin(`drop role if exists ${name}`);
  });
  const make = (owner = "urn:desk") =>
    keeper.client.call("POST", "/v1/databases", { owner, name }, DatabaseView);
  const find = () => keeper.client.find(`/v1/databases/${name}`, DatabaseView);
  return { dataDir, keeper, name, admin, make, find, keeperUrl };
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

test("a database belongs to a role of its own, which may do nothing else", async () => {
  const { make, name, keeper, keeperUrl } = await setUp();
  const { connectionUrl } = await make();
  await query(connectionUrl, "create table orders (id int)");
  expect(
    await query(
      connectionUrl,
      "select current_user::text as who, rolsuper, rolcreaterole, rolcreatedb from pg_roles where rolname = current_user",
    ),
  ).toEqual([{ who: name, rolsuper: false, rolcreaterole: false, rolcreatedb: false }]);
  const { password } = new URL(connectionUrl);
  expect(password.length).toBeGreaterThan(30);
  expect(keeper.output()).not.toContain(password);
  expect(keeper.output()).not.toContain(new URL(keeperUrl).password);
});

test("deleting leaves role and data, and the next create of the name takes them over with the same password", async () => {
  const { make, find, keeper, name } = await setUp();
  const first = await make();
  await query(first.connectionUrl, "create table orders as select 7 as id");
  await keeper.client.remove(`/v1/databases/${name}`);
  expect(await find()).toBeUndefined();
  expect(await query(first.connectionUrl, "select id from orders")).toEqual([{ id: 7 }]);
  const second = await make("urn:another");
  expect(second.connectionUrl).toBe(first.connectionUrl);
  expect(await query(second.connectionUrl, "select id from orders")).toEqual([{ id: 7 }]);
});

test("a dropped database shows as gone, and the next create repairs it", async () => {
  const { make, find, admin, name } = await setUp();
  await make();
  expect(await find()).toBeDefined();
  await admin(`drop database ${name}`);
  expect(await find()).toBeUndefined();
  const { connectionUrl } = await make();
  expect(await query(connectionUrl, "select 1 as one")).toEqual([{ one: 1 }]);
  await admin(`drop database ${name} with (force)`);
  await admin(`drop role ${name}`);
  expect(await find()).toBeUndefined();
});

test("a name that another resource has, or a role that someone else made, is refused", async () => {
  const { make, admin, name, keeper } = await setUp();
  await make();
  await expect(make("urn:another")).rejects.toThrow(/It belongs to urn:desk.*another name/);
  const foreign = `${name}_x`;
  await admin(`create role ${foreign} login`);
  onTestFinished(async () => void (await admin(`drop role ${foreign}`)));
  await expect(
    keeper.client.call("POST", "/v1/databases", { owner: "urn:x", name: foreign }, DatabaseView),
  ).rejects.toThrow(/made by someone else/);
});

test("without a database server the refusal says where to look, and shows no password", async () => {
  const keeper = await startKeeperProcess(path.join(temporaryFolder("database"), "data"));
  await expect(
    keeper.client.call("POST", "/v1/databases", { owner: "urn:x", name: "desk" }, DatabaseView),
  ).rejects.toThrow(
    "The Postgres server for databases does not answer. Look at the database of npm start, or at SLIPWAY_KEEPER_DATABASE_URL.",
  );
  expect(keeper.output()).not.toContain("nobody:nothing");
});

test("the password is kept in the record alone, and never in Postgres's statements", async () => {
  const { make, admin, name, dataDir } = await setUp();
  const { connectionUrl } = await make();
  const { password } = new URL(connectionUrl);
  expect(readFileSync(path.join(dataDir, "keeper/databases", `${name}.json`), "utf8")).toContain(password);
  const stored = JSON.stringify(await admin(`select rolpassword from pg_authid where rolname = '${name}'`));
  expect(stored).toContain("SCRAM-SHA-256$4096:");
  const statements = JSON.stringify(await admin("select query from pg_stat_activity"));
  expect(statements).not.toContain(password);
});
