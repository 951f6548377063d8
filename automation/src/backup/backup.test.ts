import { createHash, randomBytes, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Readable } from "node:stream";
import { sql } from "kysely";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { claimStack, insertDeployment } from "../../../test/helpers/access.ts";
import type { TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import { temporaryFolder } from "../../../test/helpers/folders.ts";
import type { TestDatabase } from "../../../test/helpers/postgres.ts";
import { testPostgres } from "../../../test/helpers/postgres.ts";
import { created, stackClient } from "../../../test/helpers/state-client.ts";
import { holdFence } from "../attempts/store.ts";
import { readStartConfig } from "../config.ts";
import { readMigrations } from "../database/migrations.ts";
import { openDatabase } from "../database.ts";
import { openKeyring } from "../secrets/open-keyring.ts";
import { appendState, currentState } from "../state/states-store.ts";
import type { BackupOptions } from "./backup.ts";
import { backUp } from "./backup.ts";
import { copyOut } from "./copy-stream.ts";
import { eachPart } from "./each-part.ts";
import { connectTo } from "./find-database.ts";
import { newOpenHeader, openKeyOf } from "./passphrase.ts";
import { openBackup } from "./read-parts.ts";
import { inspectBackup, restore } from "./restore.ts";
import { applyMigrations } from "./restore-store.ts";
import { beginSnapshot, copyStatement, count, describe } from "./snapshot-store.ts";
import type { PartsWriter } from "./write-parts.ts";
import { writeParts } from "./write-parts.ts";

const PASSPHRASE = "correct horse battery staple";
const EMPTY_SHA256 = `sha256:${createHash("sha256").digest("hex")}`;
/** The usual cost is half a second for each backup, its verification and each restore: only the first backup here has it. */
const CHEAP = { n: 2 ** 14, r: 8, p: 1 };
const SLOW_MS = 180_000;
const quiet = { onProgress: () => {} };

let api: TestApi;
let stackId: string;
beforeAll(async () => {
  api = await startTestApi();
  await api.makeStack("shop", "production");
  const config = "/v1/stacks/default/shop/production/config";
  await api.ask("PUT", `${config}/shop:password`, { body: { value: "hunter2 \t\\N\n'ü", secret: true } });
  stackId = (await api.db.selectFrom("stacks").select("id").executeTakeFirstOrThrow()).id;
  for (const text of ["one", "two \u0000-free 🎈"]) {
    await api.db.transaction().execute(async (trx) => {
      const state = {
        stackId,
        updateId: null,
        text: JSON.stringify({ text }),
        resourceCount: 1,
        partial: false,
      };
      await appendState(trx, api.dependencies.keyring, state);
    });
  }
});
afterAll(() => api.close());

function options(to: string, more: Partial<BackupOptions> = {}): BackupOptions {
  const without = { withoutKeys: false, withoutDependencies: false };
  return { to, passphrase: PASSPHRASE, cost: CHEAP, ...without, verify: true, ...quiet, ...more };
}

function configOf(databaseUrl: string, dataDir: string) {
  return readStartConfig({ DATABASE_URL: databaseUrl, SLIPWAY_DATA_DIR: dataDir });
}

async function takeBackup(more: Partial<BackupOptions> = {}): Promise<string> {
  const file = path.join(temporaryFolder("backup"), "slipway.backup");
  await backUp(configOf(api.databaseUrl, api.dataDir), options(file, more));
  return file;
}

async function inEmptyDatabase(work: (database: TestDatabase) => Promise<void>): Promise<void> {
  const database = await testPostgres().freshDatabase({ empty: true });
  try {
    await work(database);
  } finally {
    await database.drop();
  }
}

/** Every row of every table as text, but for those that a restore itself changes. */
async function rowsOf(url: string): Promise<Record<string, string[]>> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows: tables } = await client.query<{ name: string }>(
      "select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1",
    );
    const all: Record<string, string[]> = {};
    for (const { name } of tables) {
      const { rows } = await client.query<{ row: string }>(
        `select t::text as row from "${name}" t order by 1`,
      );
      all[name] = rows.map(({ row }) => row);
    }
    return all;
  } finally {
    await client.end();
  }
}

async function tablesOf(url: string): Promise<number> {
  return Object.keys(await rowsOf(url)).length;
}

test("an empty database and an empty data folder have every row, state and secret after a restore", {
  timeout: SLOW_MS,
}, async () => {
  const set = `dependencies/${"a".repeat(40)}-node-v24.0.0`;
  mkdirSync(path.join(api.dataDir, set, "node_modules/.bin"), { recursive: true });
  writeFileSync(path.join(api.dataDir, set, "node_modules/tool.js"), "tool", { mode: 0o755 });
  symlinkSync("../tool.js", path.join(api.dataDir, set, "node_modules/.bin/tool"));
  const file = path.join(temporaryFolder("backup"), "slipway.backup");
  const { cost: _, ...usual } = options(file);
  await backUp(configOf(api.databaseUrl, api.dataDir), usual);
  const [header = ""] = readFileSync(file, "latin1").split("\n", 1);
  expect(JSON.parse(header)).toMatchObject({ encryption: { kdf: "scrypt", n: 2 ** 17, r: 8, p: 1 } });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const before = await rowsOf(api.databaseUrl);
  await inEmptyDatabase(async ({ url }) => {
    const dataDir = path.join(temporaryFolder("restored"), "data");
    const config = configOf(url, dataDir);
    const report = await restore(config, {
      from: file,
      passphrase: PASSPHRASE,
      withoutDependencies: false,
      ...quiet,
    });
    expect(report.counts).toMatchObject({ stacks: 1, states: 2, secrets: 1, dataKeys: 1 });
    const after = await rowsOf(url);
    const changed = ["stack_writers", "unreconciled_stacks", "audit_entries", "schema_versions", "tokens"];
    for (const name of Object.keys(before).filter((one) => !changed.includes(one)))
      expect(after[name], name).toEqual(before[name]);
    expect(after.audit_entries?.slice(0, -1).length).toBe(before.audit_entries?.length);
    expect(after.audit_entries?.at(-1)).toContain("installation.restored");

    expect(readFileSync(path.join(dataDir, "secret.key"), "utf8")).toBe(
      readFileSync(path.join(api.dataDir, "secret.key"), "utf8"),
    );
    const tool = path.join(dataDir, set, "node_modules/.bin/tool");
    expect([readFileSync(tool, "utf8"), statSync(tool).mode & 0o111]).toEqual(["tool", 0o111]);
    const { db, close } = openDatabase(url, { applicationName: "test" });
    try {
      const keyring = await openKeyring({ db, settings: config.keys });
      const state = await currentState(db, keyring, stackId);
      expect(state).toMatchObject({ number: 2, text: JSON.stringify({ text: "two \u0000-free 🎈" }) });
      const { ciphertext } = await db
        .selectFrom("stack_config")
        .select("ciphertext")
        .executeTakeFirstOrThrow();
      const clear = await keyring.open(db, stackId, "config", ciphertext ?? Buffer.alloc(0));
      expect(clear.toString()).toBe("hunter2 \t\\N\n'ü");
      // Identity columns count on, and the triggers and foreign keys are there again.
      const { sequence } = await db
        .insertInto("audit_entries")
        .values({ principal: "t", action: "a.b", organisation: "o", subject: "s", request_id: null })
        .returning("sequence")
        .executeTakeFirstOrThrow();
      expect(sequence).toBeGreaterThan(report.counts.auditEntries);
      await expect(db.deleteFrom("audit_entries").execute()).rejects.toThrow("never changed");
      await expect(
        db
          .insertInto("state_imports")
          .values({ stack_id: randomUUID(), source: "", digest: Buffer.alloc(0), principal: "" })
          .execute(),
      ).rejects.toThrow("foreign key");
    } finally {
      await close();
    }
  });
});

test("every epoch is beyond what was given after the backup, and every stack is marked", {
  timeout: SLOW_MS,
}, async () => {
  await sql`insert into stack_writers (stack_id, epoch) values (${stackId}, 41) on conflict (stack_id) do update set epoch = 41`.execute(
    api.db,
  );
  const file = await takeBackup();
  await inEmptyDatabase(async ({ url }) => {
    const config = configOf(url, path.join(temporaryFolder("restored"), "data"));
    await restore(config, { from: file, passphrase: PASSPHRASE, withoutDependencies: false, ...quiet });
    const { stack_writers, unreconciled_stacks } = await rowsOf(url);
    const epoch = Number(stack_writers?.[0]?.split(",")[2]);
    expect(epoch).toBeGreaterThan(1_000_041);
    expect(unreconciled_stacks?.[0]).toContain(stackId);
  });
});

test("a wrong passphrase is refused, and nothing is written", { timeout: SLOW_MS }, async () => {
  const file = await takeBackup();
  await inEmptyDatabase(async ({ url }) => {
    const dataDir = path.join(temporaryFolder("restored"), "data");
    const wrong = { from: file, passphrase: `${PASSPHRASE}.`, withoutDependencies: false, ...quiet };
    await expect(restore(configOf(url, dataDir), wrong)).rejects.toMatchObject({ code: "passphrase_wrong" });
    await expect(restore(configOf(url, dataDir), { ...wrong, passphrase: null })).rejects.toMatchObject({
      code: "passphrase_missing",
    });
    expect(existsSync(dataDir)).toBe(false);
    expect(await tablesOf(url)).toBe(0);
  });
});

test("a file that was cut or changed anywhere is refused, and nothing is written", {
  timeout: SLOW_MS,
}, async () => {
  for (const passphrase of [PASSPHRASE, null]) {
    const file = await takeBackup(passphrase === null ? { passphrase, withoutKeys: true } : {});
    const whole = readFileSync(file);
    const headerEnd = whole.indexOf(0x0a) + 1;
    const damages: Buffer[] = [];
    for (const share of [0, 0.3, 0.9, 0.999])
      damages.push(whole.subarray(0, headerEnd + Math.floor((whole.length - headerEnd) * share)));
    damages.push(whole.subarray(0, whole.length - 1), Buffer.concat([whole, Buffer.from("x")]));
    for (const share of [0.1, 0.5, 0.95]) {
      const changed = Buffer.from(whole);
      const at = headerEnd + Math.floor((whole.length - headerEnd) * share);
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      damages.push(changed);
    }
    const bad = path.join(temporaryFolder("bad"), "bad.backup");
    // Without keys in the file, those of the data folder that made it are needed.
    const config = configOf(api.databaseUrl, api.dataDir);
    for (const [index, damaged] of damages.entries()) {
      writeFileSync(bad, damaged, { mode: 0o600 });
      await expect(inspectBackup(config, { from: bad, passphrase }), `damage ${index}`).rejects.toMatchObject(
        {
          code: "backup_damaged",
        },
      );
    }
  }
});

test("an installation that is not empty is left as it is", { timeout: SLOW_MS }, async () => {
  const file = await takeBackup();
  const before = await rowsOf(api.databaseUrl);
  await expect(
    restore(configOf(api.databaseUrl, path.join(temporaryFolder("restored"), "data")), {
      from: file,
      passphrase: PASSPHRASE,
      withoutDependencies: false,
      ...quiet,
    }),
  ).rejects.toMatchObject({ code: expect.stringMatching(/in_use|not_empty/) as string });
  expect(await rowsOf(api.databaseUrl)).toEqual(before);
  await inEmptyDatabase(async ({ url }) => {
    const dataDir = temporaryFolder("restored");
    writeFileSync(path.join(dataDir, "secret.key"), `${Buffer.alloc(32, 7).toString("base64")}\n`, {
      mode: 0o600,
    });
    await expect(
      restore(configOf(url, dataDir), {
        from: file,
        passphrase: PASSPHRASE,
        withoutDependencies: false,
        ...quiet,
      }),
    ).rejects.toMatchObject({ code: "not_empty" });
    expect(await tablesOf(url)).toBe(0);
    expect(readFileSync(path.join(dataDir, "secret.key"), "utf8")).toContain(
      Buffer.alloc(32, 7).toString("base64"),
    );
  });
});

test("the key of the installation is in no file that is not encrypted", { timeout: SLOW_MS }, async () => {
  const file = path.join(temporaryFolder("backup"), "slipway.backup");
  const config = configOf(api.databaseUrl, api.dataDir);
  await expect(backUp(config, options(file, { passphrase: null }))).rejects.toMatchObject({
    code: "backup_without_keys",
  });
  await expect(backUp(config, options(file, { passphrase: "short" }))).rejects.toMatchObject({
    code: "passphrase_weak",
  });
  expect(existsSync(file)).toBe(false);
  await backUp(config, options(file, { passphrase: null, withoutKeys: true }));
  expect(existsSync(file)).toBe(true);
});

test("a backup in which a state does not open is not called good, and the one before stays", {
  timeout: SLOW_MS,
}, async () => {
  const file = await takeBackup();
  const before = readFileSync(file);
  const { body } = await api.db
    .selectFrom("states")
    .select("body")
    .where("number", "=", 1)
    .executeTakeFirstOrThrow();
  const spoilt = Buffer.from(body);
  spoilt[spoilt.length - 1] = (spoilt.at(-1) ?? 0) ^ 1;
  await api.db.updateTable("states").set({ body: spoilt }).where("number", "=", 1).execute();
  try {
    await expect(backUp(configOf(api.databaseUrl, api.dataDir), options(file))).rejects.toMatchObject({
      code: "secret_unreadable",
    });
    expect(readFileSync(file).equals(before)).toBe(true);
    const told = await api.db
      .selectFrom("notifications")
      .selectAll()
      .where("kind", "=", "backup.failed")
      .execute();
    expect(told).toHaveLength(1);
    expect(JSON.stringify(told[0]?.body)).toMatch(/The backup to .* failed/);
  } finally {
    await api.db.updateTable("states").set({ body }).where("number", "=", 1).execute();
  }
});

test("what ran is interrupted with what it had recorded, what waited is cancelled, and no token of the past is good", {
  timeout: SLOW_MS,
}, async () => {
  const claims = {
    running: await stackClient(api, "running"),
    waiting: await stackClient(api, "waiting"),
    bare: await stackClient(api, "bare"),
  };
  const claim = await claimStack(api.db, claims.running.stackId);
  await sql`update deployments set status = 'running', started_at = now() where id = ${claim.deploymentId}`.execute(
    api.db,
  );
  // The helper's source is a name without content.
  await sql`insert into artifact_contents (digest, content_sha256, size_bytes, chunks)
    select digest, ${EMPTY_SHA256}, 0, 0 from artifacts`.execute(api.db);
  const waiting = await insertDeployment(api.db, claims.waiting.stackId);
  const bare = await claims.bare.begin({ kind: "update" });
  await bare.append(created("bare", 1, "one"));
  const file = await takeBackup();
  await inEmptyDatabase(async ({ url }) => {
    const config = configOf(url, path.join(temporaryFolder("restored"), "data"));
    const report = await restore(config, {
      from: file,
      passphrase: PASSPHRASE,
      withoutDependencies: false,
      ...quiet,
    });
    expect(report.ended).toMatchObject({ interrupted: 1, cancelled: 1, updates: 1 });
    const { db, close } = openDatabase(url, { applicationName: "test" });
    try {
      const rows = await db.selectFrom("deployments").select(["id", "status", "failure"]).execute();
      expect(rows.find(({ id }) => id === claim.deploymentId)).toMatchObject({
        status: "interrupted",
        failure: { code: "restored" },
      });
      expect(rows.find(({ id }) => id === waiting)).toMatchObject({ status: "cancelled" });
      const update = await db
        .selectFrom("updates")
        .selectAll()
        .where("id", "=", bare.id)
        .executeTakeFirstOrThrow();
      expect(update).toMatchObject({ status: "expired", token_hash: null });
      const keyring = await openKeyring({ db, settings: config.keys });
      expect((await currentState(db, keyring, claims.bare.stackId))?.resourceCount).toBe(1);
      expect(await db.selectFrom("attempt_tokens").selectAll().execute()).toEqual([]);
      // The writer of the lost future has a right to nothing.
      const lost = { stackId: claim.stackId, attemptId: claim.attemptId, epoch: claim.epoch };
      await expect(db.transaction().execute((trx) => holdFence(trx, lost))).rejects.toMatchObject({
        code: "lease_lost",
      });
    } finally {
      await close();
    }
  });
});

/** A backup as a Slipway of an earlier schema would have made it: with a project, and without any key. */
async function backupOfVersion(version: number): Promise<string> {
  const database = await testPostgres().freshDatabase({ empty: true });
  const client = await connectTo(database.url, "test");
  const file = path.join(temporaryFolder("old"), "old.backup");
  try {
    await applyMigrations(client, 0, version);
    await client.query(
      `insert into projects (id, organisation, name) values (gen_random_uuid(), 'default', 'from-before')`,
    );
    await client.query(
      `insert into stacks (id, project_id, name) select gen_random_uuid(), id, 'dev' from projects`,
    );
    await beginSnapshot(client);
    const head = { format: 1 as const, slipway: "0.0.1", ...(await describe(client)) };
    const open = newOpenHeader();
    const write = async (writer: PartsWriter): Promise<void> => {
      await writer.add("head", Buffer.from(JSON.stringify(head)));
      const rows: Record<string, number> = {};
      for (const table of head.tables) {
        const content = copyOut(client, copyStatement(client, table, "to stdout"), (count) => {
          rows[table.name] = count;
        });
        await writer.add(`tables/${table.name}`, content);
      }
      const manifest = { counts: await count(client), rows, parts: { ...writer.parts } };
      await writer.add("manifest", Buffer.from(JSON.stringify(manifest)));
    };
    await writeParts(
      file,
      { slipway: "backup", format: 1, encryption: open },
      openKeyOf(open),
      write,
      async () => {},
    );
  } finally {
    await client.end();
    await database.drop();
  }
  return file;
}

test("rows of megabytes come back byte for byte, and an artifact whose bytes are wrong is not called good", {
  timeout: SLOW_MS,
}, async () => {
  const { db } = api;
  const stack = await stackClient(api, "large");
  const texts = [1, 2].map(() => JSON.stringify({ text: randomBytes(700_000).toString("hex") }));
  for (const text of texts) {
    const state = { stackId: stack.stackId, updateId: null, text, resourceCount: 1, partial: false };
    await db.transaction().execute((trx) => appendState(trx, api.dependencies.keyring, state));
  }
  const { digest } = await api.dependencies.artifacts.put(Readable.from([randomBytes(2_500_000)]));
  const file = await takeBackup();
  const before = await rowsOf(api.databaseUrl);
  await inEmptyDatabase(async ({ url }) => {
    const config = configOf(url, path.join(temporaryFolder("restored"), "data"));
    await restore(config, { from: file, passphrase: PASSPHRASE, withoutDependencies: false, ...quiet });
    const after = await rowsOf(url);
    for (const name of ["states", "artifact_chunks", "artifact_contents"]) {
      // A run that a test before has left is ended by the restore, which adds a state.
      const restored = new Set(after[name]);
      expect(before[name]?.filter((row) => !restored.has(row)).length, name).toBe(0);
    }
  });
  await sql`update artifact_chunks set body = overlay(body placing '\\x00000000'::bytea from 1000) where digest = ${digest} and position = 2`.execute(
    db,
  );
  await expect(takeBackup()).rejects.toMatchObject({
    code: "backup_damaged",
    message: expect.stringContaining(digest) as string,
  });
  await sql`delete from artifact_contents where digest = ${digest}`.execute(db);
});

test("a backup of an earlier schema is brought forward, one of a later schema is refused", {
  timeout: SLOW_MS,
}, async () => {
  const known = (await readMigrations()).length;
  const file = await backupOfVersion(7);
  await inEmptyDatabase(async ({ url }) => {
    const config = configOf(url, path.join(temporaryFolder("restored"), "data"));
    const report = await restore(config, {
      from: file,
      passphrase: null,
      withoutDependencies: false,
      ...quiet,
    });
    expect(report).toMatchObject({ schemaVersion: 7, migratedTo: known, ended: { unreconciled: 1 } });
    const { projects, schema_versions } = await rowsOf(url);
    expect(projects?.[0]).toContain("from-before");
    expect(schema_versions).toHaveLength(known);
  });
  const whole = await backupOfVersion(known);
  const opened = await openBackup(whole, null);
  const later = path.join(temporaryFolder("later"), "later.backup");
  const open = newOpenHeader();
  const write = async (writer: PartsWriter): Promise<void> => {
    let manifest: Record<string, unknown> = {};
    await eachPart(opened.pieces(), async (part, content) => {
      const body: Buffer[] = [];
      for await (const piece of content) body.push(piece);
      if (part === "manifest")
        manifest = JSON.parse(Buffer.concat(body).toString()) as Record<string, unknown>;
      else if (part === "head") {
        const head = JSON.parse(Buffer.concat(body).toString()) as object;
        await writer.add(part, Buffer.from(JSON.stringify({ ...head, schemaVersion: known + 1 })));
      } else await writer.add(part, Buffer.concat(body));
    });
    await writer.add("manifest", Buffer.from(JSON.stringify({ ...manifest, parts: { ...writer.parts } })));
  };
  await writeParts(
    later,
    { slipway: "backup", format: 1, encryption: open },
    openKeyOf(open),
    write,
    async () => {},
  );
  await inEmptyDatabase(async ({ url }) => {
    const dataDir = path.join(temporaryFolder("restored"), "data");
    await expect(
      restore(configOf(url, dataDir), {
        from: later,
        passphrase: null,
        withoutDependencies: false,
        ...quiet,
      }),
    ).rejects.toMatchObject({ code: "schema_too_new" });
    expect([existsSync(dataDir), await tablesOf(url)]).toEqual([false, 0]);
  });
});
