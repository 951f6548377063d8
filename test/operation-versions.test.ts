import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { OPERATION_VERSION } from "../automation/src/pipeline/operations.ts";
import { LATER_VERSION } from "./doubles/later-program/operation-lists.ts";
import type { AnswerBody, TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { endedWithin } from "./helpers/deployments.ts";
import { linesOf, register, writeLedgerProject } from "./helpers/ledger-project.ts";
import { stoppedAfterEach } from "./helpers/stopped-workers.ts";
import { eventually } from "./helpers/waiting.ts";
import type { TestWorker } from "./helpers/worker.ts";
import { startWorkerOf } from "./helpers/worker.ts";

const LATER_PROGRAM = pathToFileURL(
  path.join(import.meta.dirname, "doubles/later-program/register.mjs"),
).href;
const RUN_MS = 120_000;

let api: TestApi;
const workers = stoppedAfterEach();
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

async function start(program: "this" | "later"): Promise<TestWorker> {
  const worker = await startWorkerOf(
    api,
    program === "this" ? {} : { env: { NODE_OPTIONS: `--import=${LATER_PROGRAM}` } },
  );
  workers.add(worker);
  return worker;
}

async function kill(worker: TestWorker): Promise<void> {
  await worker.kill();
  workers.delete(worker);
}

/** A project whose tests and gate before the update say that they ran; the gate waits until the file `go` is there. */
async function makeProject(name: string) {
  const folder = path.join(api.root, name);
  const ran = path.join(api.root, `${name}-ran.txt`);
  const go = path.join(api.root, `${name}-go`);
  // A gate runs as another user than a test.
  writeFileSync(ran, "");
  chmodSync(ran, 0o666);
  const tell = (what: string): string => `require('node:fs').appendFileSync('${ran}', '${what}\\\\n')`;
  writeLedgerProject(folder, name, {
    version: "v1",
    ledger: path.join(api.root, `${name}-ledger.txt`),
    slipwayYaml: `services:
  web:
    path: .
    test: [node, -e, "${tell("test")}"]
    artifact: web
gates:
  - name: waiting
    phase: before
    command: [node, -e, "${tell("gate")}; setInterval(() => require('node:fs').existsSync('${go}') && process.exit(0), 50)"]
`,
  });
  mkdirSync(path.join(folder, "web"));
  writeFileSync(path.join(folder, "web", "index.html"), "<p>v1</p>");
  const [stack = ""] = await register(api, name, folder);
  return { stack, ran, go };
}

const read = async (id: string): Promise<AnswerBody> => (await api.ask("GET", `/v1/deployments/${id}`)).body;

async function request(stack: string): Promise<string> {
  return (await api.ask("POST", `${stack}/deployments`, { body: { operation: "update" } })).body.id;
}

const ended = (id: string): Promise<AnswerBody> => endedWithin(api, id, RUN_MS);

const stateOf = (body: AnswerBody, name: string): unknown =>
  (body.steps as AnswerBody[]).find((step) => step.name === name)?.state;

test("a worker of a later program continues a run with the list of steps that it was queued with, and repeats none of the finished ones", async () => {
  const { stack, ran, go } = await makeProject("older");
  const first = await start("this");
  const id = await request(stack);
  await eventually("the gate runs", RUN_MS, () => linesOf(ran).includes("gate"));
  await kill(first);
  const second = await start("later");
  writeFileSync(go, "");
  const done = await ended(id);
  expect(done, second.output()).toMatchObject({ status: "succeeded", attempts: 2, release: 1 });
  // The later program's own updates have no such step.
  expect(stateOf(done, "gates-before")).toBe("succeeded");
  expect(linesOf(ran)).toEqual(["test", "gate", "gate"]);
  const row = await api.db
    .selectFrom("deployments")
    .select("operation_version")
    .where("id", "=", id)
    .executeTakeFirst();
  expect(row?.operation_version).toBe(OPERATION_VERSION);
});

test("a worker leaves a deployment of a version that it does not know alone, says so, and lets nothing of the stack overtake it", async () => {
  const { stack, ran, go } = await makeProject("newer");
  writeFileSync(go, "");
  const newer = await request(stack);
  // As a server of the later program queues it.
  await sql`update deployments set operation_version = ${LATER_VERSION} where id = ${newer}`.execute(api.db);
  await sql`delete from deployment_steps where deployment_id = ${newer} and name = 'gates-before'`.execute(
    api.db,
  );
  const behind = await request(stack);
  const { stack: other } = await makeProject("beside");
  writeFileSync(path.join(api.root, "beside-go"), "");
  const beside = await request(other);
  await start("this");
  // It works, but not on these.
  expect(await ended(beside)).toMatchObject({ status: "succeeded" });
  expect(await read(newer)).toMatchObject({
    status: "queued",
    attempts: 0,
    waiting: {
      reason: "next",
      detail: expect.stringContaining("No running worker knows how to run it") as string,
    },
  });
  expect(await read(behind)).toMatchObject({ status: "queued", waiting: { reason: "behind" } });
  const later = await start("later");
  const done = await ended(newer);
  expect(done, later.output()).toMatchObject({ status: "succeeded", attempts: 1 });
  expect(stateOf(done, "gates-before")).toBeUndefined();
  expect(linesOf(ran)).not.toContain("gate");
  expect(await ended(behind)).toMatchObject({ status: "succeeded" });
});
