import { createHash, randomUUID } from "node:crypto";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestDatabase } from "../../../test/helpers/postgres.ts";
import { testPostgres } from "../../../test/helpers/postgres.ts";
import type { OpenDatabase } from "../database.ts";
import { openDatabase } from "../database.ts";
import type { WriteTarget } from "./journal-store.ts";
import { insertBatch, putCheckpoint, readBatches, readCheckpoint } from "./journal-store.ts";

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

const tokenHash = createHash("sha256").update("token").digest();
const batch = { body: Buffer.from("sealed"), firstSequence: 1, lastSequence: 2, count: 2 };

/** An update that may write, and the target that its CLI would have. */
async function running(journalVersion = 1): Promise<WriteTarget & { stackId: string }> {
  const [projectId, stackId, updateId] = [randomUUID(), randomUUID(), randomUUID()];
  const hash = createHash("sha256").update(updateId).digest();
  await sql`insert into projects (id, organisation, name) values (${projectId}, 'default', ${projectId})`.execute(
    open.db,
  );
  await sql`insert into stacks (id, project_id, name) values (${stackId}, ${projectId}, 'dev')`.execute(
    open.db,
  );
  await sql`
    insert into updates (id, stack_id, kind, dry_run, status, number, epoch, principal, token_hash, token_expires_at, journal_version, started_at)
    values (${updateId}, ${stackId}, 'update', false, 'running', 1, 4, 'owner', ${hash}, now() + interval '1 hour', ${journalVersion}, now())
  `.execute(open.db);
  await sql`
    insert into stack_writers (stack_id, holder, holder_kind, epoch, expires_at)
    values (${stackId}, ${updateId}, 'update', 4, now() + interval '1 hour')
  `.execute(open.db);
  return { organisation: "default", project: projectId, stack: "dev", updateId, tokenHash: hash, stackId };
}

const digest = () => createHash("sha256").update(randomUUID()).digest();
const UPDATE = (set: string) => (target: { updateId: string }) =>
  sql`update updates set ${sql.raw(set)} where id = ${target.updateId}`.execute(open.db);
const WRITER = (set: string) => (target: { stackId: string }) =>
  sql`update stack_writers set ${sql.raw(set)} where stack_id = ${target.stackId}`.execute(open.db);

test("what may write writes: once for one digest, in the order of arrival", async () => {
  const target = await running();
  const first = digest();
  expect(await insertBatch(open.db, target, first, batch)).toBe(true);
  expect(await insertBatch(open.db, target, first, batch)).toBe(true);
  expect(await insertBatch(open.db, target, digest(), { ...batch, body: Buffer.from("second") })).toBe(true);
  const stored = await readBatches(open.db, target.updateId);
  expect(stored.map(({ body }) => body.toString())).toEqual(["sealed", "second"]);
  expect(await readBatches(open.db, target.updateId, stored[0]?.id)).toHaveLength(1);
});

test.each<[string, Partial<WriteTarget>]>([
  ["another token", { tokenHash }],
  ["another organisation in the path", { organisation: "other" }],
  ["another project in the path", { project: "other" }],
  ["another stack in the path", { stack: "other" }],
  ["another update in the path", { updateId: randomUUID() }],
])("the statement that writes refuses %s", async (_what, change) => {
  const target = await running();
  expect(await insertBatch(open.db, { ...target, ...change }, digest(), batch)).toBe(false);
  expect(await insertBatch(open.db, { ...target, ...change }, digest(), batch, "drain")).toBe(false);
  expect(await readBatches(open.db, target.updateId)).toEqual([]);
});

test.each<[string, (target: { updateId: string; stackId: string }) => Promise<unknown>]>([
  ["has ended", UPDATE("status = 'succeeded', finished_at = now()")],
  ["was cancelled and drains", UPDATE("drain_until = now() + interval '1 hour'")],
  ["only looks", UPDATE("dry_run = true")],
  ["writes whole states", UPDATE("journal_version = 0")],
  ["has an older epoch", UPDATE("epoch = 3")],
  ["has a newer epoch than the row", WRITER("epoch = 3")],
  ["has lost the stack to another holder", WRITER("holder = gen_random_uuid()")],
  ["has lost the stack to nobody", WRITER("holder = null, holder_kind = null")],
  ["was not renewed", WRITER("expires_at = now() - interval '1 millisecond'")],
])("the statement that writes refuses an update that %s", async (_what, change) => {
  const target = await running();
  await change(target);
  expect(await insertBatch(open.db, target, digest(), batch)).toBe(false);
  expect(await readBatches(open.db, target.updateId)).toEqual([]);
});

test("during a drain, and only then, the ends of operations are stored; not after it", async () => {
  const target = await running();
  expect(await insertBatch(open.db, target, digest(), batch, "drain")).toBe(false);
  await UPDATE("drain_until = now() + interval '1 hour'")(target);
  expect(await insertBatch(open.db, target, digest(), batch, "drain")).toBe(true);
  await UPDATE("drain_until = now() - interval '1 millisecond'")(target);
  expect(await insertBatch(open.db, target, digest(), batch, "drain")).toBe(false);
  expect(await readBatches(open.db, target.updateId)).toHaveLength(1);
});

test("of whole states the newest is kept, and a journaled update sends none", async () => {
  const target = await running(0);
  expect(await readCheckpoint(open.db, target.updateId)).toBeUndefined();
  expect(await putCheckpoint(open.db, target, Buffer.from("one"))).toBe(true);
  expect(await putCheckpoint(open.db, target, Buffer.from("two"))).toBe(true);
  expect((await readCheckpoint(open.db, target.updateId))?.toString()).toBe("two");
  expect(await putCheckpoint(open.db, { ...target, tokenHash }, Buffer.from("three"))).toBe(false);
  expect(await putCheckpoint(open.db, await running(1), Buffer.from("three"))).toBe(false);
});
