import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { AnswerBody, TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { endedWithin } from "./helpers/deployments.ts";
import { type LedgerProgram, register, writeLedgerProject } from "./helpers/ledger-project.ts";
import { testPostgres } from "./helpers/postgres.ts";
import type { PostgresProxy } from "./helpers/postgres-proxy.ts";
import { startPostgresProxy } from "./helpers/postgres-proxy.ts";
import { eventually } from "./helpers/waiting.ts";
import type { TestWorker } from "./helpers/worker.ts";
import { listening, startWorker, startWorkerOf } from "./helpers/worker.ts";

const ENDED_MS = 120_000;
/** Nothing listens there. */
const NOWHERE = "postgres://127.0.0.1:1/none";
/** Several looks of a worker. */
const AWAY_MS = 5_000;

let api: TestApi;
/** Between the workers and the database; the server has a way of its own. */
let proxy: PostgresProxy;
const workers = new Set<TestWorker>();
beforeAll(async () => {
  api = await startTestApi();
  proxy = await startPostgresProxy(api.databaseUrl);
});
afterEach(async () => {
  proxy.pointTo(api.databaseUrl);
  for (const worker of workers) await worker.stop();
  workers.clear();
});
afterAll(async () => {
  await proxy.close();
  await api.close();
});

async function startBehindProxy(): Promise<TestWorker> {
  const { dataDir } = api;
  const worker = await startWorker({ dataDir, databaseUrl: proxy.url, serverUrl: await listening(api) });
  workers.add(worker);
  return worker;
}

async function startBeside(): Promise<TestWorker> {
  const worker = await startWorkerOf(api);
  workers.add(worker);
  return worker;
}

async function ledgerStack(
  name: string,
  more: Partial<LedgerProgram>,
): Promise<{ stack: string; lines: () => string[] }> {
  const ledger = path.join(api.root, `${name}.txt`);
  const folder = path.join(api.root, name);
  writeLedgerProject(folder, name, { version: "v1", ledger, ...more });
  const [stack = ""] = await register(api, name, folder);
  const lines = (): string[] => (existsSync(ledger) ? readFileSync(ledger, "utf8").trim().split("\n") : []);
  return { stack, lines };
}

async function request(stack: string): Promise<string> {
  const body = { operation: "update", options: { skipPreview: true } };
  const answer = await api.ask("POST", `${stack}/deployments`, { body });
  if (answer.status !== 202) throw new Error(answer.text);
  return answer.body.id;
}

const ended = (id: string): Promise<AnswerBody> => endedWithin(api, id, ENDED_MS);

async function numbersOf(id: string): Promise<unknown[]> {
  const { body } = await api.ask("GET", `/v1/deployments/${id}/events`);
  return body.items.map(({ sequence }) => sequence);
}

test.each([
  ["with gates after it", "gates:\n  - name: quick\n    phase: after\n    command: [node, -e, '0']\n"],
  ["without", "gates: []\n"],
])(
  "H14: an update %s whose record was committed, but the reply lost, has succeeded and is recorded once",
  async (name, slipwayYaml) => {
    const { stack, lines } = await ledgerStack(`lost-${name.replaceAll(" ", "-")}`, { slipwayYaml });
    const worker = await startBehindProxy();
    const lost = proxy.loseCommitOf(/insert into releases/);
    const id = await request(stack);
    await lost;
    expect(await ended(id), worker.output()).toMatchObject({ status: "succeeded", attempts: 1, release: 1 });
    expect((await api.ask("GET", `${stack}/releases`)).body.items).toMatchObject([
      { number: 1, health: "good" },
    ]);
    expect(lines()).toEqual(["started create v1", "finished create v1"]);
    const numbers = await numbersOf(id);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    expect(worker.output()).not.toContain("was not concluded");
  },
);

test("a worker that waits keeps its ready containments while the database is away, and makes no others", async () => {
  const worker = await startBehindProxy();
  const folder = path.join(api.dataDir, "attempts", worker.workerId);
  const ready = (): string[] => (existsSync(folder) ? readdirSync(folder).toSorted() : []);
  await eventually("two containments are ready", 60_000, () => ready().length === 2);
  const before = ready();
  proxy.pointTo(NOWHERE);
  proxy.cut();
  await pause(AWAY_MS);
  expect(ready()).toEqual(before);
});

test("T25: an engine has told the server that it is through, and its worker is cut off and dies before it can record that: it converges to a success", async () => {
  const { stack, lines } = await ledgerStack("unrecorded", { delayMs: 4_000 });
  const worker = await startBehindProxy();
  const id = await request(stack);
  await eventually("the resource is begun", 60_000, () => lines().length > 0);
  proxy.pointTo(NOWHERE);
  proxy.cut();
  await eventually("the engine is through", 30_000, async () => {
    const { rows } = await sql`
      select 1 from updates where deployment_id = ${id} and not dry_run and status = 'succeeded'
    `.execute(api.db);
    return rows.length > 0;
  });
  await worker.kill();
  workers.delete(worker);
  expect((await api.ask("GET", `/v1/deployments/${id}`)).body.status, "nobody has recorded it").toBe(
    "running",
  );
  const second = await startBeside();
  expect(await ended(id), second.output()).toMatchObject({ status: "succeeded", attempts: 2, release: 1 });
  expect(lines()).toEqual(["started create v1", "finished create v1"]);
});

test("a worker without a way to the database ends its engine before anybody else may write, and nothing happens after the takeover", async () => {
  const { stack, lines } = await ledgerStack("partitioned", {
    texts: ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"],
    distinct: true,
    delayMs: 2_500,
  });
  const worker = await startBehindProxy();
  const body = { operation: "update", options: { skipPreview: true, parallel: 1 } };
  const id = (await api.ask("POST", `${stack}/deployments`, { body })).body.id;
  await eventually("the second resource is begun", 60_000, () => lines().length >= 3 || undefined);
  proxy.pointTo(NOWHERE);
  proxy.cut();
  const second = await startBeside();
  const done = await ended(id);
  const atTakeover = lines();
  expect(done, second.output()).toMatchObject({ status: "interrupted", resources: { unknown: 1 } });
  proxy.pointTo(api.databaseUrl);
  await pause(4_000);
  expect(lines()).toEqual(atTakeover);
  expect((await api.ask("GET", `/v1/deployments/${id}`)).body).toEqual(done);
  expect(worker.output()).toContain("lease");
});

test("a cancel that is asked for while the database is away for a moment is not lost", async () => {
  const database = await testPostgres().freshDatabase();
  const own = await startPostgresProxy(database.url);
  const beside = await startTestApi({ databaseUrl: own.url });
  try {
    const folder = writeLedgerProject(path.join(beside.root, "away"), "away", {
      version: "v1",
      ledger: path.join(beside.root, "away.txt"),
    });
    const [stack = ""] = await register(beside, "away", folder);
    const asked = await beside.ask("POST", `${stack}/deployments`, { body: { operation: "update" } });
    // Who asks is known already when the database goes; the cancel itself is what meets nothing.
    const lost = own.loseReplyTo(/from "deployments".*for update/s);
    const asking = beside.ask("POST", `/v1/deployments/${asked.body.id}/cancel`);
    await lost;
    own.pointTo(NOWHERE);
    own.cut();
    await pause(1_500);
    own.pointTo(database.url);
    const answer = await asking;
    expect(answer.status, answer.text).toBe(202);
    expect(answer.body).toMatchObject({ status: "cancelled", cancellation: { requestedBy: "owner" } });
    const { body } = await beside.ask("GET", "/v1/audit?action=deployment.cancelled");
    expect(body.items).toHaveLength(1);
  } finally {
    await beside.close();
    await own.close();
    await database.drop();
  }
});
