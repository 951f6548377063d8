import { randomUUID } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../../test/helpers/folders.ts";
import { testPostgres } from "../../../test/helpers/postgres.ts";
import type { Database } from "../database.ts";
import { openDatabase } from "../database.ts";
import { configDigest, openConfig, sealConfigValue } from "./config-secrets.ts";
import { defaultKeySettings } from "./key-settings.ts";
import { openKeyring } from "./open-keyring.ts";

/** What the version before data keys made from the key file of 32 bytes 07. */
const STACK = "0198a2c4-0000-7000-8000-000000000001";
const CONFIG = {
  "app:size": { secret: false as const, value: "3" },
  "app:password": { secret: true as const, ciphertext: "AXGKPxg8XB1J163pUuysxPaf/m0a7e/4E0gbuW9y2DJ5qrIH" },
};
const DIGEST = "sha256:62ca9da7dbc6c630ba392c6a29a34e964c2d2620677b48f97481ff307675ff7a";

let database: Awaited<ReturnType<ReturnType<typeof testPostgres>["freshDatabase"]>>;
beforeAll(async () => {
  database = await testPostgres().freshDatabase();
});
afterAll(() => database.drop());

function connect(url: string): Database {
  const { db, close } = openDatabase(url, { applicationName: "slipway-test" });
  onTestFinished(close);
  return db;
}

async function dataFolder(): Promise<string> {
  const folder = path.join(temporaryFolder("config-secrets"), randomUUID());
  await mkdir(folder, { recursive: true });
  return folder;
}

test("an installation of before there were data keys keeps its secrets and its digests", async () => {
  const db = connect(database.url);
  const settings = defaultKeySettings(await dataFolder());
  await writeFile(settings.defaultFile, `${Buffer.alloc(32, 7).toString("base64")}\n`, { mode: 0o600 });
  const keyring = await openKeyring({ db, settings });
  expect(await openConfig(keyring, db, STACK, CONFIG)).toEqual({
    "app:size": { secret: false, value: "3" },
    "app:password": { secret: true, value: "hunter2" },
  });
  expect(await configDigest(keyring, db, STACK, CONFIG)).toBe(DIGEST);

  // Sealed anew, by whichever key: the same value has the same digest, another one another.
  const project = randomUUID();
  await db
    .insertInto("projects")
    .values({ id: project, organisation: "default", name: "app", folder: null })
    .execute();
  await db.insertInto("stacks").values({ id: STACK, project_id: project, name: "dev" }).execute();
  const withPassword = async (value: string) => ({
    ...CONFIG,
    "app:password": {
      secret: true as const,
      ciphertext: (await sealConfigValue(keyring, db, STACK, value)).toString("base64"),
    },
  });
  expect(await configDigest(keyring, db, STACK, await withPassword("hunter2"))).toBe(DIGEST);
  expect(await configDigest(keyring, db, STACK, await withPassword("hunter3"))).not.toBe(DIGEST);
  const inClear = { ...CONFIG, "app:password": { secret: false as const, value: "hunter2" } };
  expect(await configDigest(keyring, db, STACK, inClear)).not.toBe(DIGEST);

  await rm(settings.defaultFile);
  await expect(openKeyring({ db, settings })).rejects.toMatchObject({ code: "key_unavailable" });
});

test("server and workers that start for the first time at once make one key and agree on it", async () => {
  const fresh = await testPostgres().freshDatabase();
  const settings = defaultKeySettings(await dataFolder());
  const pools = Array.from({ length: 5 }, () => openDatabase(fresh.url, { applicationName: "slipway-test" }));
  try {
    const keyrings = await Promise.all(pools.map(({ db }) => openKeyring({ db, settings })));
    expect(new Set(keyrings.map(({ wrapping }) => wrapping.current.id)).size).toBe(1);
    expect(new Set(keyrings.map(({ installation }) => installation.macOf("a"))).size).toBe(1);
  } finally {
    await Promise.all(pools.map(({ close }) => close()));
    await fresh.drop();
  }
});
