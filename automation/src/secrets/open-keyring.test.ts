import { randomBytes, randomUUID } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import type { Database } from "../database.ts";
import { openDatabase, withTransaction } from "../database.ts";
import type { KeySettings } from "./key-settings.ts";
import { defaultKeySettings } from "./key-settings.ts";
import type { Keyring } from "./keyring.ts";
import { openKeyring } from "./open-keyring.ts";

let api: TestApi;
let settings: KeySettings;
beforeAll(async () => {
  api = await startTestApi();
  settings = defaultKeySettings(api.dataDir);
});
afterAll(() => api.close());

const text = (value: string): Buffer => Buffer.from(value);
const keyFile = (): string => `${randomBytes(32).toString("base64")}\n`;

async function makeStack(): Promise<string> {
  const project = `p${randomUUID().slice(0, 8)}`;
  await api.makeStack(project);
  const { rows } = await sql<{ id: string }>`
    select s.id from stacks s join projects p on p.id = s.project_id where p.name = ${project}`.execute(
    api.db,
  );
  return rows[0]?.id ?? "";
}

/** What another server, started now, has: nothing in memory and connections of its own. */
async function otherServer(poolSize = 10): Promise<{ db: Database; keyring: Keyring }> {
  const { db, close } = openDatabase(api.databaseUrl, { applicationName: "slipway-test-other", poolSize });
  onTestFinished(close);
  return { db, keyring: await openKeyring({ db, settings }) };
}

async function versionsOf(stackId: string): Promise<number[]> {
  const rows = await api.db
    .selectFrom("data_keys")
    .select("version")
    .where("stack_id", "=", stackId)
    .execute();
  return rows.map(({ version }) => version).toSorted((one, other) => one - other);
}

test("what one server seals, another opens", async () => {
  const { keyring } = api.dependencies;
  const stackId = await makeStack();
  const sealed = await keyring.seal(api.db, stackId, "state", text("hunter2"));
  const other = await otherServer();
  expect(String(await other.keyring.open(other.db, stackId, "state", sealed))).toBe("hunter2");
  expect(await versionsOf(stackId)).toEqual([1]);
});

test("a value that is moved to another stack, purpose or version, or changed in any byte, does not open", async () => {
  const { keyring } = api.dependencies;
  const [stackId, other] = [await makeStack(), await makeStack()];
  const sealed = await keyring.seal(api.db, stackId, "config", text("hunter2"));
  await keyring.seal(api.db, other, "config", text("so that the other stack has a key"));
  const refused = { code: "secret_unreadable" };
  await expect(keyring.open(api.db, other, "config", sealed)).rejects.toMatchObject(refused);
  await expect(keyring.open(api.db, stackId, "state", sealed)).rejects.toMatchObject(refused);
  await rotate(stackId);
  const ofNextVersion = Buffer.from(sealed);
  ofNextVersion.writeUInt32BE(2, 1);
  await expect(keyring.open(api.db, stackId, "config", ofNextVersion)).rejects.toMatchObject(refused);
  for (let position = 0; position < sealed.length; position += 1) {
    const damaged = Buffer.from(sealed);
    damaged[position] = (damaged[position] ?? 0) ^ 1;
    await expect(keyring.open(api.db, stackId, "config", damaged)).rejects.toMatchObject(refused);
  }
  await expect(keyring.open(api.db, stackId, "config", sealed.subarray(0, 20))).rejects.toMatchObject(
    refused,
  );
});

test("a data key's row that is moved to another stack does not unwrap", async () => {
  const [stackId, other] = [await makeStack(), await makeStack()];
  for (const id of [stackId, other]) await api.dependencies.keyring.newest(api.db, id);
  await sql`update data_keys a set wrapped = b.wrapped from data_keys b
    where a.stack_id = ${stackId} and b.stack_id = ${other}`.execute(api.db);
  const fresh = await otherServer();
  await expect(fresh.keyring.newest(fresh.db, stackId)).rejects.toMatchObject({ code: "key_wrong" });
});

test("two transactions of two servers that need a stack's first key at once agree on one", async () => {
  const stackId = await makeStack();
  const other = await otherServer();
  const seal = (keyring: Keyring, db: Database, value: string) =>
    withTransaction(db, async (trx) => {
      const sealed = await keyring.seal(trx, stackId, "state", text(value));
      // Long enough for the other one to need the key too.
      await sql`select pg_sleep(0.2)`.execute(trx);
      return sealed;
    });
  const sealed = await Promise.all([
    seal(api.dependencies.keyring, api.db, "one"),
    seal(other.keyring, other.db, "two"),
    seal(api.dependencies.keyring, api.db, "three"),
  ]);
  expect(await versionsOf(stackId)).toEqual([1]);
  const fresh = await otherServer();
  const opened = await Promise.all(sealed.map((one) => fresh.keyring.open(fresh.db, stackId, "state", one)));
  expect(opened.map(String)).toEqual(["one", "two", "three"]);
});

test("whoever holds the stack's row and whoever only wants its first key do not wait for each other", async () => {
  const stackId = await makeStack();
  const other = await otherServer();
  const locked = Promise.withResolvers<void>();
  const holder = withTransaction(api.db, async (trx) => {
    await sql`select 1 from stacks where id = ${stackId} for update`.execute(trx);
    locked.resolve();
    await sql`select pg_sleep(0.3)`.execute(trx);
    return api.dependencies.keyring.seal(trx, stackId, "state", text("held"));
  });
  await locked.promise;
  const wanting = withTransaction(other.db, (trx) =>
    other.keyring.seal(trx, stackId, "state", text("wanted")),
  );
  const sealed = await Promise.all([holder, wanting]);
  expect(await versionsOf(stackId)).toEqual([1]);
  const fresh = await otherServer();
  for (const one of sealed) await fresh.keyring.open(fresh.db, stackId, "state", one);
});

test("a key that was made in a transaction that is rolled back seals nothing afterwards", async () => {
  const stackId = await makeStack();
  const { keyring } = api.dependencies;
  const undone = withTransaction(api.db, async (trx) => {
    await keyring.seal(trx, stackId, "state", text("undone"));
    await keyring.newest(trx, stackId);
    throw new Error("undo it");
  });
  await expect(undone).rejects.toThrow("undo it");
  expect(await versionsOf(stackId)).toEqual([]);
  await expect(keyring.version(api.db, stackId, 1)).rejects.toMatchObject({ code: "secret_unreadable" });
  const sealed = await keyring.seal(api.db, stackId, "state", text("kept"));
  const fresh = await otherServer();
  expect(String(await fresh.keyring.open(fresh.db, stackId, "state", sealed))).toBe("kept");
});

test("with one connection, a transaction makes, rotates and reads keys without waiting for a second", async () => {
  const stackId = await makeStack();
  const { db, keyring } = await otherServer(1);
  const opened = await withTransaction(db, async (trx) => {
    const sealed = await keyring.seal(trx, stackId, "journal", text("alone"));
    await keyring.newest(trx, stackId);
    return keyring.open(trx, stackId, "journal", sealed);
  });
  expect(String(opened)).toBe("alone");
  const again = await withTransaction(db, (trx) => keyring.seal(trx, stackId, "journal", text("again")));
  expect(String(await keyring.open(db, stackId, "journal", again))).toBe("again");
});

test("a stack that is not there gets no key", async () => {
  await expect(api.dependencies.keyring.newest(api.db, randomUUID())).rejects.toMatchObject({
    code: "not_found",
  });
});

async function rotate(stackId: string): Promise<void> {
  const { rows } = await sql<{ project: string }>`
    select p.name as project from stacks s join projects p on p.id = s.project_id where s.id = ${stackId}`.execute(
    api.db,
  );
  const answer = await api.ask("POST", `/v1/stacks/default/${rows[0]?.project}/test/data-keys`);
  expect(answer.status).toBe(201);
}

test("while two servers seal, rotations lose nothing, and each server seals with the newest key at once", async () => {
  const stackId = await makeStack();
  const servers = [{ db: api.db, keyring: api.dependencies.keyring }, await otherServer()];
  const sealed: { value: string; bytes: Buffer }[] = [];
  const done = new AbortController();
  const sealers = servers.map(async ({ db, keyring }, index) => {
    for (let count = 0; !done.signal.aborted; count += 1) {
      const value = `${index}/${count}`;
      sealed.push({ value, bytes: await keyring.seal(db, stackId, "event", text(value)) });
    }
  });
  const ROTATIONS = 8;
  await sealedMoreThan(sealed, 10);
  for (let count = 0; count < ROTATIONS; count += 1) {
    await rotate(stackId);
    for (const { db, keyring } of servers) {
      expect((await keyring.newest(db, stackId)).version).toBe(count + 2);
    }
    await sealedMoreThan(sealed, sealed.length + 5);
  }
  done.abort();
  await Promise.all(sealers);
  expect(await versionsOf(stackId)).toEqual(Array.from({ length: ROTATIONS + 1 }, (_, index) => index + 1));
  const fresh = await otherServer();
  for (const { value, bytes } of sealed) {
    expect(String(await fresh.keyring.open(fresh.db, stackId, "event", bytes))).toBe(value);
  }
});

async function sealedMoreThan(sealed: readonly unknown[], count: number): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (sealed.length <= count) {
    if (performance.now() > deadline) throw new Error("nothing is sealed any more");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

test("rotation of all stacks goes on where it was broken off", async () => {
  const stacks = await Promise.all(Array.from({ length: 3 }, () => makeStack()));
  for (const stackId of stacks) await api.dependencies.keyring.newest(api.db, stackId);
  const first = (await api.ask("POST", "/v1/keys/rotate", { body: {} })).body;
  expect(first).toMatchObject({ left: 0 });
  expect(first.rotated).toBeGreaterThanOrEqual(3);
  const again = (await api.ask("POST", "/v1/keys/rotate", { body: { before: first.before } })).body;
  expect(again).toMatchObject({ rotated: 0, left: 0 });
  for (const stackId of stacks) expect(await versionsOf(stackId)).toEqual([1, 2]);
});

test("data keys outlive the stack", async () => {
  const stack = await api.makeStack("removed");
  await api.ask("PUT", `${stack}/config/password`, { body: { value: "hunter2", secret: true } });
  expect((await api.ask("DELETE", stack)).status).toBe(204);
  const { rows } = await sql<{ id: string }>`
    select s.id from stacks s join projects p on p.id = s.project_id where p.name = 'removed'`.execute(
    api.db,
  );
  expect(await versionsOf(rows[0]?.id ?? "")).toEqual([1]);
});

test("a database whose key file is lost, replaced or damaged is not opened, and no other key takes its place", async () => {
  const lost: KeySettings = defaultKeySettings(path.join(api.dataDir, "lost"));
  const open = () => openKeyring({ db: api.db, settings: lost });
  const id = api.dependencies.keyring.wrapping.current.id;
  await expect(open()).rejects.toMatchObject({
    code: "key_unavailable",
    message: `The database needs the wrapping key ${id}: ${lost.defaultFile} is not there.`,
    remedy: expect.stringContaining("Restore the key file"),
  });
  await expect(rm(lost.defaultFile)).rejects.toMatchObject({ code: "ENOENT" });

  const replaced = defaultKeySettings(api.root);
  await writeFile(replaced.defaultFile, keyFile(), { mode: 0o600 });
  await expect(openKeyring({ db: api.db, settings: replaced })).rejects.toMatchObject({
    code: "key_unavailable",
    message: expect.stringMatching(
      new RegExp(`needs the wrapping key ${id}: .*secret.key holds file:[0-9a-f]{16}`),
    ),
  });
  await writeFile(replaced.defaultFile, "not a key", { mode: 0o600 });
  await expect(openKeyring({ db: api.db, settings: replaced })).rejects.toMatchObject({
    code: "secret_key_damaged",
  });

  const { canary } = await api.db
    .selectFrom("wrapping_keys")
    .select("canary")
    .where("id", "=", id)
    .executeTakeFirstOrThrow();
  const damaged = Buffer.from(canary);
  damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1;
  await api.db.updateTable("wrapping_keys").set({ canary: damaged }).where("id", "=", id).execute();
  await expect(openKeyring({ db: api.db, settings })).rejects.toMatchObject({
    code: "key_wrong",
    message: expect.stringContaining(id),
  });
  await api.db.updateTable("wrapping_keys").set({ canary }).where("id", "=", id).execute();
  await openKeyring({ db: api.db, settings });
});
