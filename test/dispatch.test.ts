import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { stuckRuns } from "../automation/src/deployments/stuck-store.ts";
import type { Boss } from "../automation/src/dispatch/boss.ts";
import { openBoss } from "../automation/src/dispatch/boss.ts";
import type { AnswerBody, TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { eventually } from "./helpers/waiting.ts";
import type { TestWorker } from "./helpers/worker.ts";
import { startWorkerOf } from "./helpers/worker.ts";

const WITHIN_MS = 90_000;

let api: TestApi;
let boss: Boss;
let count = 0;
const workers = new Set<TestWorker>();
beforeAll(async () => {
  api = await startTestApi();
  boss = await openBoss(api.databaseUrl, { logger: { warn: () => {} }, role: "server" });
  api.dependencies.hints.current = () => boss;
});
afterEach(async () => {
  await Promise.all([...workers].map((worker) => worker.stop()));
  workers.clear();
});
afterAll(async () => {
  await boss.stop();
  await api.close();
});

async function start(concurrency = 2): Promise<TestWorker> {
  const worker = await startWorkerOf(api, { env: { SLIPWAY_CONCURRENCY: String(concurrency) } });
  workers.add(worker);
  return worker;
}

/** A stack whose build waits for the file `go` and then fails: what runs is held up without an engine. */
async function heldStack(): Promise<{ stack: string; project: string; go: () => void }> {
  count += 1;
  const project = `held-${count}`;
  const go = path.join(api.root, `${project}.go`);
  const wait = `while [ ! -e ${go} ]; do sleep 0.05; done; exit 1`;
  const stack = await api.makeStack(project, "test", {
    "slipway.yaml": `services:\n  one:\n    path: one\n    build: [sh, -c, ${JSON.stringify(wait)}]\n    artifact: .\n`,
  });
  const { folder } = (await api.ask("GET", `/v1/projects/default/${project}`)).body as unknown as {
    folder: string;
  };
  mkdirSync(path.join(folder, "one"), { recursive: true });
  writeFileSync(path.join(folder, "one", "README"), "");
  return { stack, project, go: () => writeFileSync(go, "") };
}

async function request(stack: string): Promise<string> {
  const answer = await api.ask("POST", `${stack}/deployments`, { body: { operation: "update" } });
  expect(answer.status, answer.text).toBe(202);
  return answer.body.id;
}

const look = async (id: string): Promise<AnswerBody> => (await api.ask("GET", `/v1/deployments/${id}`)).body;

const isIn = (id: string, status: string) =>
  eventually(`${id} is ${status}`, WITHIN_MS, async () => (await look(id)).status === status);

test("stop the world: what runs ends, nothing new starts, and all goes on when it is resumed", async () => {
  const [running, waiting] = [await heldStack(), await heldStack()];
  await start();
  const first = await request(running.stack);
  await isIn(first, "running");
  const paused = await api.ask("PUT", "/v1/pause", { body: { reason: "the network moves" } });
  expect(paused.status).toBe(200);
  const second = await request(waiting.stack);
  running.go();
  waiting.go();
  await isIn(first, "failed");
  // The worker is free, looks every second, and hears of the end of the first: it has had every occasion.
  await eventually("the worker has looked since", WITHIN_MS, async () => {
    const { rows } = await sql<{ looked: boolean }>`
      select max(seen_at) > (select finished_at from deployments where id = ${first}) as looked from workers`.execute(
      api.db,
    );
    return rows[0]?.looked === true;
  });
  expect(await look(second)).toMatchObject({
    status: "queued",
    waiting: { reason: "paused", detail: expect.stringContaining("paused by owner") },
  });
  expect(await stuckRuns(api.db)).toEqual([]);
  await api.ask("DELETE", "/v1/pause");
  await isIn(second, "failed");
});

test("losing every job and every notification loses no deployment: the sweep finds it", async () => {
  const { stack, go } = await heldStack();
  go();
  await start();
  // From here on whatever is told to workers is told to nobody.
  await sql`
    create function lose_job() returns trigger language plpgsql as 'begin return null; end'`.execute(api.db);
  await sql`create trigger lose_jobs before insert on pgboss.job_common for each row execute function lose_job()`.execute(
    api.db,
  );
  await eventually("the worker's ear is cut off", WITHIN_MS, async () => {
    const { rows } = await sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name = 'slipway-worker-listen' and query like 'listen%'`.execute(
      api.db,
    );
    return rows.length > 0;
  });
  const id = await request(stack);
  await isIn(id, "failed");
  await sql`drop trigger lose_jobs on pgboss.job_common`.execute(api.db);
});

test("a worker takes as much at once as SLIPWAY_CONCURRENCY says, and no more", async () => {
  const stacks = [await heldStack(), await heldStack(), await heldStack()];
  const worker = await start(2);
  const ids = [];
  for (const { stack } of stacks) ids.push(await request(stack));
  await eventually("two run", WITHIN_MS, async () => {
    const { items } = (await api.ask("GET", "/v1/workers")).body;
    return items.find(({ id }) => id === worker.workerId)?.running === 2;
  });
  const queue = (await api.ask("GET", "/v1/queue")).body as unknown as {
    running: AnswerBody[];
    waiting: AnswerBody[];
  };
  expect(queue.running.map(({ id }) => id).sort()).toEqual(ids.slice(0, 2).sort());
  expect(queue.waiting).toMatchObject([
    { id: ids[2], waiting: { reason: "next", detail: "Every worker is busy." } },
  ]);
  for (const { go } of stacks) go();
  for (const id of ids) await isIn(id, "failed");
});

test("a limit of a project holds across workers", async () => {
  const { stack, project, go } = await heldStack();
  const other = await api.ask("POST", "/v1/stacks", {
    body: { organisation: "default", project, name: "other" },
  });
  expect(other.status).toBe(201);
  await api.ask("PUT", `/v1/projects/default/${project}/limit`, { body: { most: 1 } });
  await Promise.all([start(1), start(1)]);
  const ids = [await request(stack), await request(`/v1/stacks/default/${project}/other`)];
  await isIn(ids[0] ?? "", "running");
  expect(await look(ids[1] ?? "")).toMatchObject({ status: "queued", waiting: { reason: "limit" } });
  go();
  for (const id of ids) await isIn(id, "failed");
  const { rows } = await sql<{ overlaps: number }>`
    select count(*) as overlaps from attempts a join attempts b on a.id < b.id
    where a.deployment_id = ${ids[0]} and b.deployment_id = ${ids[1]}
      and tstzrange(a.claimed_at, a.finished_at) && tstzrange(b.claimed_at, b.finished_at)`.execute(api.db);
  expect(rows[0]?.overlaps).toBe(0);
});

test("a worker whose disk is low claims nothing, and one with space takes what waits", async () => {
  const { stack, go } = await heldStack();
  go();
  const full = await startWorkerOf(api, { env: { SLIPWAY_DISK_MIN: "999999999GB" } });
  workers.add(full);
  const id = await request(stack);
  await eventually("it says why", WITHIN_MS, () => full.output().includes("no deployment is claimed"));
  expect(await look(id)).toMatchObject({ status: "queued", attempts: 0 });
  await start();
  await isIn(id, "failed");
});
