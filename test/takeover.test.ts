import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AnswerBody, TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { endedWithin } from "./helpers/deployments.ts";
import { linesOf, register, writeLedgerProject } from "./helpers/ledger-project.ts";
import { stoppedAfterEach } from "./helpers/stopped-workers.ts";
import { eventually } from "./helpers/waiting.ts";
import type { TestWorker } from "./helpers/worker.ts";
import { startWorkerOf } from "./helpers/worker.ts";

/** Another worker of the machine sees a dead one within a second; without that its lease of 16 s has to end. */
const TAKEOVER_MS = 40_000;

let api: TestApi;
const workers = stoppedAfterEach();
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

async function start(): Promise<TestWorker> {
  const worker = await startWorkerOf(api);
  workers.add(worker);
  return worker;
}

async function request(
  stack: string,
  body: Record<string, unknown> = { operation: "update" },
): Promise<string> {
  return (await api.ask("POST", `${stack}/deployments`, { body })).body.id;
}

const ended = (id: string): Promise<AnswerBody> => endedWithin(api, id, TAKEOVER_MS + 60_000);

async function stepIs(id: string, name: string, state: string): Promise<true | undefined> {
  const { body } = await api.ask("GET", `/v1/deployments/${id}`);
  return (body.steps as AnswerBody[]).some((step) => step.name === name && step.state === state) || undefined;
}

test("a worker killed before the update: the deployment runs again on another one, and its tests are not repeated", async () => {
  const ledger = path.join(api.root, "before.txt");
  const runs = path.join(api.root, "test-runs.txt");
  const folder = writeLedgerProject(path.join(api.root, "before"), "before", {
    version: "v1",
    ledger,
    slipwayYaml: `services:
  web:
    path: .
    test: [node, -e, "require('node:fs').appendFileSync('${runs}', 'tested\\\\n')"]
    artifact: web
gates:
  - name: slow
    phase: before
    command: [node, -e, "setTimeout(() => {}, 3000)"]
`,
  });
  mkdirSync(path.join(folder, "web"));
  writeFileSync(path.join(folder, "web", "index.html"), "<p>v1</p>");
  const [stack = ""] = await register(api, "before", folder);
  const first = await start();
  const id = await request(stack);
  await eventually("the gate runs", 60_000, () => stepIs(id, "gates-before", "running"));
  await first.kill();
  workers.delete(first);
  const second = await start();
  const done = await ended(id);
  expect(done, second.output()).toMatchObject({ status: "succeeded", attempts: 2, release: 1 });
  expect(linesOf(ledger)).toEqual(["started create v1", "finished create v1"]);
  expect(linesOf(runs)).toEqual(["tested"]);
  const attempts = await api.db
    .selectFrom("attempts")
    .select(["number", "status"])
    .where("deployment_id", "=", id)
    .orderBy("number")
    .execute();
  expect(attempts).toEqual([
    { number: 1, status: "lost" },
    { number: 2, status: "succeeded" },
  ]);
});

test("H4: a worker killed during the update: nothing runs on, the outcome is honest, and the stack is free", async () => {
  const ledger = path.join(api.root, "during.txt");
  const write = (version: string, delayMs: number): string =>
    writeLedgerProject(path.join(api.root, "during"), "during", { version, ledger, delayMs });
  const [stack = ""] = await register(api, "during", write("v1", 6_000));
  const first = await start();
  const id = await request(stack);
  await eventually("the resource was begun", 60_000, () => linesOf(ledger).length > 0);
  await first.kill();
  workers.delete(first);
  await start();
  const done = await ended(id);
  expect(done).toMatchObject({
    status: "interrupted",
    release: null,
    attempts: 1,
    failure: { code: "worker_lost" },
  });
  expect(JSON.stringify(done.failure)).toContain("Refresh the stack");
  const failures = path.join(api.dataDir, "failures");
  await eventually("the folder of the lost attempt is kept, without the engine's raw events", 10_000, () => {
    const names = readdirSync(failures).flatMap((name) => readdirSync(path.join(failures, name)));
    return names.includes("plan.json") && !names.some((name) => name.startsWith("engine-"));
  });
  expect(linesOf(ledger), "what the provider had begun was ended with the worker").toEqual([
    "started create v1",
  ]);
  write("v2", 0);
  expect(await ended(await request(stack))).toMatchObject({ status: "succeeded", release: 1 });
  expect(linesOf(ledger)).toEqual(["started create v1", "started create v2", "finished create v2"]);
});

test("a worker that is asked to end lets a short deployment finish and exits 0", async () => {
  const ledger = path.join(api.root, "drain.txt");
  const folder = writeLedgerProject(path.join(api.root, "drain"), "drain", {
    version: "v1",
    ledger,
    delayMs: 2_000,
  });
  const [stack = ""] = await register(api, "drain", folder);
  const worker = await start();
  const id = await request(stack, { operation: "update", options: { skipPreview: true } });
  await eventually("the resource was begun", 60_000, () => linesOf(ledger).length > 0);
  expect(await worker.stop()).toBe(0);
  workers.delete(worker);
  expect((await api.ask("GET", `/v1/deployments/${id}`)).body).toMatchObject({
    status: "succeeded",
    release: 1,
  });
});

test("two workers never run one stack at once", async () => {
  const ledger = path.join(api.root, "race.txt");
  const write = (version: string): string =>
    writeLedgerProject(path.join(api.root, "race"), "race", { version, ledger, delayMs: 100 });
  const [stack = ""] = await register(api, "race", write("v0"));
  const ids: string[] = [];
  for (let index = 0; index < 4; index += 1) {
    write(`v${index}`);
    ids.push(await request(stack, { operation: "update", options: { skipPreview: true } }));
  }
  await Promise.all([start(), start()]);
  for (const id of ids) expect(await ended(id)).toMatchObject({ status: "succeeded", attempts: 1 });
  const lines = linesOf(ledger);
  expect(lines).toHaveLength(8);
  for (let index = 0; index < lines.length; index += 2) {
    expect(lines[index]?.replace("started", "")).toBe(lines[index + 1]?.replace("finished", ""));
  }
});
