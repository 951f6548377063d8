import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Readable } from "node:stream";
import { sql } from "kysely";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { bearer, insertStack, tokenOf } from "../../../test/helpers/access.ts";
import type { TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import { created, namesOf, stackClient } from "../../../test/helpers/state-client.ts";
import type { RetentionCategory } from "../contract/retention.ts";
import { collect } from "./collect.ts";
import { holdOffRetention } from "./lock.ts";

let api: TestApi;
let stackId: string;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());
beforeEach(async () => {
  ({ stackId } = await insertStack(api.db, { project: `p${randomUUID().slice(0, 8)}`, stack: "test" }));
});

const never = new AbortController().signal;
async function run(category: RetentionCategory, dryRun = false) {
  const { items, complete } = await collect(
    { db: api.db, dataDir: api.dataDir, now: Date.now },
    dryRun,
    never,
  );
  return { ...items.find((one) => one.category === category), complete };
}

/** Stores a content that was last wanted so many days ago, and records it as a source. */
async function content(ageDays: number, text: string = randomUUID()): Promise<string> {
  const { digest, sizeBytes } = await api.dependencies.artifacts.put(Readable.from([Buffer.from(text)]));
  await sql`insert into artifacts (digest, kind, size_bytes) values (${digest}, 'source', ${sizeBytes}) on conflict do nothing`.execute(
    api.db,
  );
  await sql`update artifact_contents set used_at = now() - ${ageDays} * interval '1 day' where digest = ${digest}`.execute(
    api.db,
  );
  return digest;
}

async function deployment(
  status: string,
  digest: string,
  ageDays: number,
  ofStack = stackId,
): Promise<string> {
  const id = randomUUID();
  const isOver = !["queued", "running"].includes(status);
  await sql`insert into deployments (id, stack_id, number, operation, status, requested_by, source_digest, lockfile_digest, config_digest, finished_at)
    select ${id}, ${ofStack}, coalesce(max(number), 0) + 1, 'update', ${status}, 'owner', ${digest}, ${digest}, 'c',
      case when ${isOver} then now() - ${ageDays} * interval '1 day' end
    from deployments where stack_id = ${ofStack}`.execute(api.db);
  return id;
}

async function release(health: string, digest: string): Promise<void> {
  const id = await deployment("succeeded", digest, 400);
  await sql`insert into releases (id, stack_id, number, deployment_id, health, source_digest, lockfile_digest, git_dirty, config, config_digest, pulumi_version, plugins, outputs, requested_by)
    select ${randomUUID()}, ${stackId}, coalesce(max(number), 0) + 1, ${id}, ${health}, ${digest}, ${digest}, false, '{}', 'c', 'v', '[]', '{}', 'owner'
    from releases where stack_id = ${stackId}`.execute(api.db);
}

/** Three deployments more: the last ones of a stack are kept for their sources. */
async function moveOn(): Promise<void> {
  const digest = await content(0);
  for (let count = 0; count < 3; count += 1) await deployment("succeeded", digest, 0);
}

async function isStored(digest: string): Promise<boolean> {
  const { rows } = await sql`select 1 from artifact_contents where digest = ${digest}`.execute(api.db);
  return rows.length > 0;
}

test("content that nothing needs goes with its age; what a release, a quarantine or a deployment needs stays", async () => {
  const kept = {
    good: await content(400),
    pending: await content(400),
    waiting: await content(400),
    quarantined: await content(400),
    young: await content(29),
  };
  const gone = { bad: await content(400), old: await content(31) };
  await release("good", kept.good);
  await release("pending", kept.pending);
  await release("bad", gone.bad);
  await sql`insert into quarantines (stack_id, source_digest, config_digest, reason) values (${stackId}, ${kept.quarantined}, 'c', 'r')`.execute(
    api.db,
  );
  await deployment("succeeded", gone.old, 31);
  await deployment("queued", kept.waiting, 0);
  await moveOn();
  const planned = await run("artifacts", true);
  expect(planned.removed).toBe(2);
  expect(await isStored(gone.bad)).toBe(true);
  expect(await run("artifacts")).toMatchObject({ removed: 2, complete: true });
  for (const [name, digest] of Object.entries(kept)) expect(await isStored(digest), name).toBe(true);
  for (const [name, digest] of Object.entries(gone)) expect(await isStored(digest), name).toBe(false);
});

test("content that a request has just found is not removed, however old it was: whoever is first wins", async () => {
  const digest = await content(400);
  const remover = new pg.Client({ connectionString: api.databaseUrl });
  await remover.connect();
  try {
    // A collector in the middle of its transaction.
    await remover.query("begin");
    await remover.query("delete from artifact_contents where digest = $1", [digest]);
    const asked = api.dependencies.artifacts.has(digest);
    // The request has seen the content, and waits for whoever removes it.
    await expect
      .poll(
        async () =>
          (
            await sql`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`.execute(
              api.db,
            )
          ).rows.length,
      )
      .toBe(1);
    await remover.query("commit");
    expect(await asked, "the request must not rely on what is gone").toBe(false);
  } finally {
    await remover.end();
  }
  const found = await content(400);
  expect(await api.dependencies.artifacts.has(found)).toBe(true);
  await run("artifacts");
  expect(await isStored(found)).toBe(true);
});

test("events of an ended deployment go with their age, those of others and the deployment itself stay", async () => {
  const digest = await content(0);
  const old = await deployment("succeeded", digest, 91);
  const young = await deployment("succeeded", digest, 89);
  const running = await deployment("running", digest, 0);
  for (const id of [old, young, running])
    await sql`insert into deployment_events (deployment_id, sequence, attempt, at, body) values (${id}, 1, 1, now() - interval '400 days', '{"type":"x"}')`.execute(
      api.db,
    );
  expect(await run("deployment-events")).toMatchObject({ removed: 1 });
  const rows = await api.db.selectFrom("deployment_events").select("deployment_id").execute();
  expect(rows.map((row) => row.deployment_id).toSorted()).toEqual([young, running].toSorted());
  expect((await api.ask("GET", `/v1/deployments/${old}`)).status).toBe(200);
  await sql`update deployments set status = 'failed', finished_at = now() where id = ${running}`.execute(
    api.db,
  );
});

test("steps of previews and seals go with their age; what waits, what it is bound to and what can be gone back to keeps them", async () => {
  const digest = await content(0, "of previews");
  const previewed = async (status: string, ageDays: number): Promise<string> => {
    const id = await deployment(status, digest, ageDays);
    await sql`insert into deployment_previews (deployment_id, attempt, counts, step_count, truncated, body) values (${id}, 1, '{}', 1, false, ${Buffer.alloc(300)})`.execute(
      api.db,
    );
    await sql`insert into seals (deployment_id, stack_id, attempt, digest, items, body) values (${id}, ${stackId}, 1, ${`sha256:${id}`}, '{}', ${Buffer.alloc(200)})`.execute(
      api.db,
    );
    return id;
  };
  const releaseOf = (id: string, health: string) =>
    sql`insert into releases (id, stack_id, number, deployment_id, health, source_digest, git_dirty, config, config_digest, pulumi_version, plugins, outputs, requested_by)
      select ${randomUUID()}, stack_id, number, id, ${health}, source_digest, false, '{}', 'c', 'v', '[]', '{}', 'owner' from deployments where id = ${id}`.execute(
      api.db,
    );
  const [old, bad, good, bound, young, waiting] = [
    await previewed("rejected", 91),
    await previewed("failed", 91),
    await previewed("succeeded", 91),
    await previewed("succeeded", 91),
    await previewed("succeeded", 89),
    await previewed("queued", 0),
  ];
  await releaseOf(bad, "bad");
  await releaseOf(good, "good");
  await sql`update deployments set bound_to = ${bound} where id = ${waiting}`.execute(api.db);
  expect(await run("previews", true)).toMatchObject({ removed: 2, freedBytes: 1_000 });
  expect(await run("previews")).toMatchObject({ removed: 2, freedBytes: 1_000, complete: true });
  const { rows } = await sql<{ id: string; preview: boolean; steps: boolean }>`
    select s.deployment_id as id, p.deployment_id is not null as preview, s.body is not null as steps
    from seals s left join deployment_previews p using (deployment_id)`.execute(api.db);
  const gone = (id: string): boolean => id === old || id === bad;
  expect(rows.toSorted((a, b) => (a.id < b.id ? -1 : 1))).toEqual(
    [old, bad, good, bound, young, waiting]
      .toSorted()
      .map((id) => ({ id, preview: !gone(id), steps: !gone(id) })),
  );
  expect((await api.ask("GET", `/v1/deployments/${old}/preview`)).status).toBe(404);
  // Once it has ended, nothing is held to that seal any more.
  await sql`update deployments set status = 'cancelled', finished_at = now() where id = ${waiting}`.execute(
    api.db,
  );
  expect(await run("previews")).toMatchObject({ removed: 1 });
});

test("drift checks and slots of schedules go with their age; the newest of each stay, and the checks of open alerts", async () => {
  for (let age = 400; age < 424; age += 1) {
    const id = await deployment("succeeded", await content(0, "of checks"), age);
    await sql`insert into drift_checks (id, stack_id, deployment_id, status, checked_at) values (${id}, ${stackId}, ${id}, 'clean', now() - ${age} * interval '1 day')`.execute(
      api.db,
    );
    if (age !== 423) continue;
    await sql`insert into drift_alerts (id, stack_id, kind, fingerprint, urn, summary, opened_by, seen_by) values (${id}, ${stackId}, 'gone', 'f', 'urn:x', 's', ${id}, ${id})`.execute(
      api.db,
    );
  }
  // Twenty-four, of which twenty are the newest and one is an alert's.
  expect(await run("drift-checks", true)).toMatchObject({ removed: 3 });
  expect(await run("drift-checks")).toMatchObject({ removed: 3, complete: true });

  const schedule = randomUUID();
  await sql`insert into schedules (id, stack_id, name, operation, cron, time_zone, missed, owner) values (${schedule}, ${stackId}, 'nightly', 'detect-drift', '@daily', 'UTC', 'record', 'owner')`.execute(
    api.db,
  );
  for (const age of [500, 400, 366, 1, 0])
    await sql`insert into schedule_slots (schedule_id, slot, outcome, recorded_at) values (${schedule}, now() - ${age} * interval '1 day', 'missed', now() - ${age} * interval '1 day')`.execute(
      api.db,
    );
  expect(await run("schedule-slots")).toMatchObject({ removed: 3 });
  await sql`update schedule_slots set recorded_at = now() - interval '400 days' where schedule_id = ${schedule}`.execute(
    api.db,
  );
  expect(await run("schedule-slots"), "the newest stays").toMatchObject({ removed: 1 });
});

test("a journal goes once it is a state; the newest states and those of good releases stay", async () => {
  const project = `p${randomUUID().slice(0, 8)}`;
  const stack = await stackClient(api, project);
  for (let count = 0; count < 23; count += 1) {
    const update = await stack.begin({ kind: "update" });
    await update.append(created(project, 1, `resource-${count}`));
    await update.complete();
  }
  const running = await stack.begin({ kind: "update" });
  await running.append(created(project, 1, "last"));
  await sql`update updates set finished_at = now() - interval '400 days' where finished_at is not null and stack_id = ${stack.stackId}`.execute(
    api.db,
  );
  await sql`update states set created_at = now() - interval '400 days' where stack_id = ${stack.stackId}`.execute(
    api.db,
  );
  const pinned = await deployment("succeeded", await content(0), 400, stack.stackId);
  await sql`update updates set deployment_id = ${pinned} where stack_id = ${stack.stackId} and number = 2`.execute(
    api.db,
  );
  await sql`insert into releases (id, stack_id, number, deployment_id, health, source_digest, git_dirty, config, config_digest, pulumi_version, plugins, outputs, requested_by)
    select ${randomUUID()}, ${stack.stackId}, 1, id, 'good', source_digest, false, '{}', 'c', 'v', '[]', '{}', 'owner' from deployments where id = ${pinned}`.execute(
    api.db,
  );
  const { items } = await collect({ db: api.db, dataDir: api.dataDir, now: Date.now }, false, never);
  const removed = Object.fromEntries(items.map((item) => [item.category, item.removed]));
  expect(removed).toMatchObject({ states: 2, journals: 23 });
  const numbers = await sql<{
    number: number;
  }>`select number from states where stack_id = ${stack.stackId} order by number`.execute(api.db);
  expect(numbers.rows.map((row) => row.number)).toEqual([
    2,
    ...Array.from({ length: 20 }, (_, index) => index + 4),
  ]);
  const journals = await api.db.selectFrom("journal_batches").select("update_id").execute();
  expect(journals).toEqual([{ update_id: running.id }]);
  expect((await running.complete()).status).toBe(204);
  expect(await namesOf(api, stack.stackId)).toContain("last");
});

test("answers for repeated requests go after two days", async () => {
  for (const days of [1, 3])
    await sql`insert into idempotency_keys (principal, key, fingerprint, status, body, created_at)
      values ('owner', ${`days-${days}`}, 'f', 200, '{}', now() - ${days} * interval '1 day')`.execute(
      api.db,
    );
  expect(await run("idempotency-keys")).toMatchObject({ removed: 1 });
  expect((await api.db.selectFrom("idempotency_keys").select("key").execute()).map(({ key }) => key)).toEqual(
    ["days-1"],
  );
});

test("dependencies that nothing needs go, those of a good release stay", async () => {
  const root = path.join(api.dataDir, "dependencies");
  const set = (text: string): { place: string; digest: string } => {
    const place = path.join(
      root,
      `${createHash("sha256").update(text).digest("hex").slice(0, 40)}-node-v24.0.0`,
    );
    mkdirSync(path.join(place, "node_modules"), { recursive: true });
    writeFileSync(path.join(place, "package-lock.json"), text);
    utimesSync(place, new Date(0), new Date(0));
    return { place, digest: `sha256:${createHash("sha256").update(text).digest("hex")}` };
  };
  const [pinned, unused] = [set("pinned"), set("unused")];
  await content(0, "pinned");
  await release("good", pinned.digest);
  await moveOn();
  expect(await run("dependencies")).toMatchObject({ removed: 1 });
  expect([existsSync(pinned.place), existsSync(unused.place)]).toEqual([true, false]);
  expect(readdirSync(root).filter((name) => name.startsWith("."))).toEqual([]);
});

test("copies on this machine go with their size, and come back from the database when they are wanted", async () => {
  const digest = await content(1);
  const copy = api.dependencies.artifacts.pathOf(digest);
  utimesSync(copy, new Date(0), new Date(0));
  expect((await run("artifact-copies")).removed).toBeGreaterThan(0);
  expect(existsSync(copy)).toBe(false);
  expect(existsSync(await api.dependencies.artifacts.fetch(digest))).toBe(true);
});

test("nothing is collected while a backup is taken", async () => {
  const digest = await content(400);
  const backup = new pg.Client({ connectionString: api.databaseUrl });
  await backup.connect();
  try {
    await holdOffRetention(backup);
    expect(await run("artifacts")).toMatchObject({ removed: 0, complete: false });
    expect(await isStored(digest)).toBe(true);
  } finally {
    await backup.end();
  }
  // The end of a session is noticed a moment later.
  await expect.poll(async () => (await run("artifacts")).complete).toBe(true);
  expect(await isStored(digest)).toBe(false);
});

test("the owner sets limits, which is audited, and nobody else does", async () => {
  const limits = { maxAgeDays: 7, maxBytes: 50_000_000 };
  const set = await api.ask("PUT", "/v1/retention/journals", { body: limits });
  expect(set.body).toMatchObject({ category: "journals", limits, isDefault: false });
  const audit = await api.ask("GET", "/v1/audit?action=retention.set&limit=1");
  expect(audit.body.items[0]).toMatchObject({
    subject: "retention/journals",
    details: limits,
    principal: "owner",
  });
  expect((await api.ask("DELETE", "/v1/retention/journals")).body).toMatchObject({ isDefault: true });
  const admin = await tokenOf(api, "alice", { default: "admin" });
  expect(
    (await api.ask("PUT", "/v1/retention/journals", { body: limits, headers: bearer(admin) })).status,
  ).toBe(403);
  expect((await api.ask("POST", "/v1/retention/run", { body: { dryRun: true } })).body).toMatchObject({
    dryRun: true,
    complete: true,
  });
});
