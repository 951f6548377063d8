import { randomBytes } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../../test/helpers/folders.ts";
import { testPostgres } from "../../../test/helpers/postgres.ts";
import { readStartConfig } from "../config.ts";
import { openDatabase } from "../database.ts";
import { openKeyring } from "../secrets/open-keyring.ts";
import { checkKeys } from "./keys.ts";

test("the wrapping key is found, is missing, is of another installation, or is not alone; and nothing is made", async () => {
  const database = await testPostgres().freshDatabase();
  const folder = temporaryFolder("doctor-keys");
  const env = { DATABASE_URL: database.url, SLIPWAY_DATA_DIR: folder };
  const config = readStartConfig(env);
  expect(await checkKeys(config)).toMatchObject([{ status: "ok", detail: "the first start makes it" }]);
  expect(existsSync(path.join(folder, "secret.key"))).toBe(false);

  const { db, close } = openDatabase(database.url, { applicationName: "slipway-test" });
  const { wrapping } = await openKeyring({ db, settings: config.keys });
  await close();
  expect(await checkKeys(config)).toMatchObject([{ status: "ok", detail: wrapping.current.id }]);

  const second = path.join(folder, "second.key");
  const moving = readStartConfig({ ...env, SLIPWAY_KEY: `file:${second}` });
  expect(await checkKeys(moving)).toMatchObject([
    {
      status: "fail",
      detail: `The key file ${second} is not there.`,
      remedy: expect.stringContaining("openssl rand"),
    },
  ]);
  writeFileSync(second, `${randomBytes(32).toString("base64")}\n`, { mode: 0o600 });
  expect(await checkKeys(moving)).toMatchObject([
    {
      status: "warn",
      detail: expect.stringContaining(`${wrapping.current.id} still wraps keys too`),
      remedy: "slipway keys rewrap moves them.",
    },
  ]);

  const elsewhere = readStartConfig({ ...env, SLIPWAY_DATA_DIR: temporaryFolder("doctor-other") });
  expect(await checkKeys(elsewhere)).toMatchObject([
    {
      status: "fail",
      detail: expect.stringContaining(wrapping.current.id),
      remedy: expect.stringContaining("Restore the key file"),
    },
  ]);
  const vault = readStartConfig({ ...env, SLIPWAY_KEY: "vault:transit/slipway" });
  expect(await checkKeys(vault)).toMatchObject([
    { status: "fail", remedy: expect.stringContaining("SLIPWAY_VAULT_ADDR") },
  ]);
  await database.drop();
});
