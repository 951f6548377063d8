import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { followEvents } from "../automation/src/client/follow.ts";
import type { AnswerBody, TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { endedWithin } from "./helpers/deployments.ts";
import { linesOf, register, writeLedgerProject } from "./helpers/ledger-project.ts";
import { testPostgres } from "./helpers/postgres.ts";
import { freePort } from "./helpers/sample.ts";
import { ownerClient, ownerToken, startServer } from "./helpers/server.ts";
import { trial } from "./helpers/trial.ts";
import { eventually } from "./helpers/waiting.ts";
import type { TestWorker } from "./helpers/worker.ts";
import { seedDependencies, startWorker, startWorkerOf } from "./helpers/worker.ts";

const ENDED_MS = 150_000;
/** The CLI itself gives up after 7 s. */
const SERVER_AWAY_MS = 12_000;

let api: TestApi;
const workers = new Set<TestWorker>();
beforeAll(async () => {
  api = await startTestApi();
});
afterEach(async () => {
  await Promise.all([...workers].map((worker) => worker.kill()));
  workers.clear();
});
afterAll(() => api.close());

async function start(drain: string): Promise<TestWorker> {
  const worker = await startWorkerOf(api, { env: { SLIPWAY_DRAIN: drain } });
  workers.add(worker);
  return worker;
}

async function request(stack: string): Promise<string> {
  const body = { operation: "update", options: { parallel: 1, skipPreview: true } };
  return (await api.ask("POST", `${stack}/deployments`, { body })).body.id;
}

const look = async (id: string): Promise<AnswerBody> => (await api.ask("GET", `/v1/deployments/${id}`)).body;

const ended = (id: string): Promise<AnswerBody> => endedWithin(api, id, ENDED_MS);

async function isDraining({ workerId }: TestWorker): Promise<boolean> {
  const row = await api.db
    .selectFrom("workers")
    .select("draining_since")
    .where("id", "=", workerId)
    .executeTakeFirstOrThrow();
  return row.draining_since !== null;
}

trial(
  "T24: rolling through three workers during 20 deployments interrupts none",
  async () => {
    const ledgers = Array.from({ length: 10 }, (_, index) => path.join(api.root, `rolling-${index}.txt`));
    const stacks: string[] = [];
    for (const [index, ledger] of ledgers.entries()) {
      const folder = writeLedgerProject(path.join(api.root, `rolling-${index}`), `rolling-${index}`, {
        version: "v1",
        ledger,
        texts: ["one", "two"],
        distinct: true,
        delayMs: 600,
      });
      stacks.push(...(await register(api, `rolling-${index}`, folder)));
    }
    const fleet = await Promise.all([start("170s"), start("170s"), start("170s")]);
    const first = new Set(fleet.map(({ workerId }) => workerId));
    const ids: string[] = [];
    for (const [index, stack] of stacks.entries()) {
      ids.push(await request(stack));
      // The second of each stack waits for the first, and changes both resources.
      writeLedgerProject(path.join(api.root, `rolling-${index}`), `rolling-${index}`, {
        version: "v2",
        ledger: ledgers[index] ?? "",
        texts: ["one", "two"],
        distinct: true,
        delayMs: 601,
      });
      ids.push(await request(stack));
    }
    const codes: (number | null)[] = [];
    let busy = 0;
    for (const old of fleet) {
      // The others may have done all of it while this one's predecessor had something to finish.
      const at = await eventually("it has something to finish, or nothing is left", ENDED_MS, async () => {
        const { rows } = await sql<{ mine: number; left: number }>`
        select (select count(*) from attempts where worker_id = ${old.workerId} and status = 'running') as mine,
          (select count(*) from deployments where finished_at is null) as left
      `.execute(api.db);
        const [row] = rows;
        return row !== undefined && (row.mine > 0 || row.left === 0) ? row : undefined;
      });
      if (at.mine > 0) busy += 1;
      codes.push(await old.stop());
      workers.delete(old);
      await start("170s");
    }
    expect(codes).toEqual([0, 0, 0]);
    expect(busy, "workers that were stopped in the middle of something").toBeGreaterThanOrEqual(2);
    for (const id of ids) expect(await ended(id)).toMatchObject({ status: "succeeded", attempts: 1 });
    for (const ledger of ledgers) {
      const both = (operation: string, names = ["one", "two"]): string[] =>
        names.flatMap((name) => [`started ${operation} ${name}`, `finished ${operation} ${name}`]);
      const lines = linesOf(ledger);
      expect(lines.toSorted()).toEqual([...both("create"), ...both("update")].toSorted());
    }
    const attempts = await api.db.selectFrom("attempts").select(["worker_id", "status"]).execute();
    expect(new Set(attempts.map(({ status }) => status))).toEqual(new Set(["succeeded"]));
    expect(
      attempts.some(({ worker_id: id }) => !first.has(String(id))),
      "the new workers took over the work",
    ).toBe(true);
  },
  500_000,
);

test("a worker that drains claims nothing, is seen to drain, and a second signal starts the ladder", async () => {
  const ledger = path.join(api.root, "ladder.txt");
  const texts = ["one", "two", "three", "four", "five", "six"];
  const folder = writeLedgerProject(path.join(api.root, "ladder"), "ladder", {
    version: "v1",
    ledger,
    texts,
    distinct: true,
    delayMs: 4_000,
  });
  const [stack = "", other = ""] = await register(api, "ladder", folder, ["test", "other"]);
  const worker = await start("170s");
  const id = await request(stack);
  await eventually("a resource was begun", ENDED_MS, () => linesOf(ledger).length > 0);
  process.kill(worker.pid, "SIGTERM");
  await eventually("its row says that it drains", 20_000, () => isDraining(worker));
  const waiting = await request(other);
  await eventually("the next resource was begun all the same", 60_000, () => linesOf(ledger).length >= 3);
  expect(await look(id)).toMatchObject({ status: "running" });
  expect(await look(waiting), "it could have run two at once").toMatchObject({ status: "queued" });

  expect(await worker.stop(), "the second signal").toBe(0);
  workers.delete(worker);
  const done = await ended(id);
  expect(done).toMatchObject({ status: "interrupted", attempts: 1 });
  expect(JSON.stringify(done.failure)).toContain("stopped");
  const lines = linesOf(ledger);
  expect(lines.length, "it did not run to its end").toBeLessThan(2 * texts.length);
  await pause(5_000);
  expect(linesOf(ledger), "nothing goes on").toEqual(lines);
  await api.ask("POST", `/v1/deployments/${waiting}/cancel`);
});

test("after the drain time what still runs is interrupted and told honestly", async () => {
  const ledger = path.join(api.root, "late.txt");
  const folder = writeLedgerProject(path.join(api.root, "late"), "late", {
    version: "v1",
    ledger,
    texts: ["one", "two", "three", "four"],
    distinct: true,
    delayMs: 4_000,
  });
  const [stack = ""] = await register(api, "late", folder);
  const worker = await start("1s");
  const id = await request(stack);
  await eventually("a resource was begun", ENDED_MS, () => linesOf(ledger).length > 0);
  expect(await worker.stop()).toBe(0);
  workers.delete(worker);
  const done = await look(id);
  expect(done).toMatchObject({ status: "interrupted", attempts: 1 });
  const finished = linesOf(ledger).filter((line) => line.startsWith("finished")).length;
  expect(finished).toBeLessThan(4);
});

trial(
  "T25: servers that are killed and stopped during a deployment lose no event and no run",
  async () => {
    const database = await testPostgres().freshDatabase();
    const home = realpathSync(mkdtempSync(path.join(tmpdir(), "slipway-restarts-")));
    const [projects, dataDir] = [path.join(home, "projects"), path.join(home, "data")];
    mkdirSync(projects);
    const settings = { databaseUrl: database.url, dataDir, projects, port: await freePort() };
    const baseUrl = `http://127.0.0.1:${settings.port}`;
    let server = await startServer(settings);
    const worker = await startWorker({ dataDir, databaseUrl: database.url, serverUrl: baseUrl });
    try {
      const ledger = path.join(projects, "ledger.txt");
      const texts = ["one", "two", "three", "four", "five", "six", "seven", "eight"];
      const folder = writeLedgerProject(path.join(projects, "restarts"), "restarts", {
        version: "v1",
        ledger,
        texts,
        distinct: true,
        delayMs: 1_500,
      });
      seedDependencies(dataDir, folder);
      const client = ownerClient(baseUrl, dataDir);
      await client.createProject({ body: { name: "restarts", folder } });
      await client.createStack({ body: { project: "restarts", name: "dev" } });
      const params = { organisation: "default", project: "restarts", stack: "dev" };
      const { id } = await client.requestDeployment({
        params,
        query: { wait: 0 },
        body: { operation: "update", options: { parallel: 1, skipPreview: true } },
      });
      const seen: number[] = [];
      const following = (async () => {
        for await (const event of followEvents({ baseUrl, token: ownerToken(dataDir) }, id))
          seen.push(event.sequence);
      })();
      await eventually("the second resource was begun", ENDED_MS, () => linesOf(ledger).length >= 3);
      await server.kill();
      await pause(SERVER_AWAY_MS);
      server = await startServer(settings);
      await eventually("the engine goes on", ENDED_MS, () => linesOf(ledger).length >= 9);
      expect(await server.stop()).toBe(0);
      server = await startServer(settings);
      const done = await eventually("the deployment ended", ENDED_MS, async () => {
        const now = await client.getDeployment({ params: { id }, query: { wait: 0 } });
        return now.finishedAt === null ? undefined : now;
      });
      expect(done, `${JSON.stringify(done.failure)}\n${worker.output()}`).toMatchObject({
        status: "succeeded",
        attempts: 1,
        release: 1,
      });
      await following;
      const { items } = await client.listEvents({ params: { id }, query: { after: 0, limit: 1_000 } });
      expect(seen).toEqual(items.map(({ sequence }) => sequence));
      expect(seen).toEqual(seen.map((_, index) => index + 1));
      expect(linesOf(ledger)).toHaveLength(2 * texts.length);
      expect((await client.getStack({ params })).resourceCount).toBe(texts.length + 2);
    } finally {
      await worker.kill();
      await server.kill();
      await database.drop();
      rmSync(home, { recursive: true, force: true });
    }
  },
  300_000,
);
