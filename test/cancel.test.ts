import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AnswerBody, TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { endedWithin } from "./helpers/deployments.ts";
import { type LedgerProgram, register, writeLedgerProject } from "./helpers/ledger-project.ts";
import { stoppedAfterEach } from "./helpers/stopped-workers.ts";
import { trial } from "./helpers/trial.ts";
import { eventually } from "./helpers/waiting.ts";
import type { TestWorker } from "./helpers/worker.ts";
import { startWorkerOf } from "./helpers/worker.ts";

const ENDED_MS = 120_000;

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

async function ledgerStack(
  name: string,
  more: Partial<LedgerProgram>,
): Promise<{ stack: string; lines: () => string[] }> {
  const ledger = path.join(api.root, `${name}.txt`);
  const folder = path.join(api.root, name);
  writeLedgerProject(folder, name, { version: "v1", ledger, distinct: true, ...more });
  const [stack = ""] = await register(api, name, folder);
  return {
    stack,
    lines: () => (existsSync(ledger) ? readFileSync(ledger, "utf8").trim().split("\n") : []),
  };
}

async function request(stack: string): Promise<string> {
  const body = { operation: "update", options: { parallel: 1 } };
  const answer = await api.ask("POST", `${stack}/deployments`, { body });
  expect(answer.status, answer.text).toBe(202);
  return answer.body.id;
}

const ended = (id: string): Promise<AnswerBody> => endedWithin(api, id, ENDED_MS);

async function rungsOf(id: string): Promise<unknown[]> {
  const { body } = await api.ask("GET", `/v1/deployments/${id}/events?limit=5000`);
  return body.items.flatMap(({ body: event }) => {
    const { type, rung } = event as AnswerBody;
    return type === "stop" ? [rung] : [];
  });
}

test("a queued deployment is cancelled at once, and a second cancel says that nothing is left to do", async () => {
  const { stack } = await ledgerStack("queued", {});
  const id = await request(stack);
  const { status, body } = await api.ask("POST", `/v1/deployments/${id}/cancel`);
  expect(status).toBe(202);
  expect(body).toMatchObject({
    status: "cancelled",
    cancellation: { requestedBy: "owner", detail: "It is cancelled." },
    failure: { detail: "Cancelled before it began. No resource was changed." },
    nextAction: null,
  });
  expect((await api.ask("POST", `/v1/deployments/${id}/cancel`)).status).toBe(409);
});

test("a running one is interrupted once: what is in flight ends, each resource is accounted for, and the rest can be gone on with", async () => {
  const { stack, lines } = await ledgerStack("running", { texts: ["one", "two", "three"], delayMs: 2_000 });
  await start();
  const id = await request(stack);
  await eventually("the first resource is begun", 60_000, () => lines().length > 0);
  const askedAt = performance.now();
  const answer = await api.ask("POST", `/v1/deployments/${id}/cancel`);
  expect(performance.now() - askedAt, "answered at once").toBeLessThan(1_500);
  expect(answer.body).toMatchObject({ status: "running", cancellation: { requestedBy: "owner" } });
  expect(JSON.stringify(answer.body.cancellation)).toContain("interrupted once");
  const done = await ended(id);
  expect(done).toMatchObject({ status: "cancelled", resources: { unknown: 0, planned: true } });
  const begun = lines().filter((line) => line.startsWith("started")).length;
  expect(lines().filter((line) => line.startsWith("finished")).length, "what was begun was ended").toBe(
    begun,
  );
  expect(done.resources).toMatchObject({ done: begun, notDone: 3 - begun });
  expect(await rungsOf(id)).toEqual(["asked", "interrupted", "empty"]);
  expect(done.nextAction).toMatchObject({ kind: "continue", pendingCreates: [] });
  const next = await api.ask("POST", `/v1/deployments/${id}/continue`, { body: {} });
  expect(next.status, next.text).toBe(202);
  expect(await ended(next.body.id)).toMatchObject({ status: "succeeded" });
  expect(lines().filter((line) => line.startsWith("started"))).toHaveLength(3);
});

trial(
  "what does not end within the grace is terminated and killed, the stack is free only then, and the create in flight is told as unknown",
  async () => {
    const { stack, lines } = await ledgerStack("stubborn", { texts: ["slow", "after"], delayMs: 120_000 });
    const worker = await start();
    const id = await request(stack);
    await eventually("the resource is begun", 60_000, () => lines().length > 0);
    await api.ask("POST", `/v1/deployments/${id}/cancel`);
    // The grace is 30 s; meanwhile the stack is held.
    const writer = await api.ask("GET", `${stack}/writer`);
    expect(writer.body.writer).not.toBeNull();
    const done = await ended(id);
    expect(done, worker.output()).toMatchObject({
      status: "cancelled",
      resources: { done: 0, unknown: 1, notDone: 1 },
    });
    const rungs = await rungsOf(id);
    expect(rungs.slice(0, 3)).toEqual(["asked", "interrupted", "terminated"]);
    expect(rungs.at(-1)).toBe("empty");
    expect(lines()).toHaveLength(1);
    const [begun] = lines().map((line) => line.replace("started create ", ""));
    expect(done.nextAction).toMatchObject({ pendingCreates: [{ name: begun, mayExist: true }] });
  },
);

test("one whose worker is dead: the answer says so, and another worker accounts for it", async () => {
  const { stack, lines } = await ledgerStack("orphaned", { texts: ["one", "two"], delayMs: 4_000 });
  const worker = await start();
  const id = await request(stack);
  await eventually("the first resource is begun", 60_000, () => lines().length > 0);
  await worker.kill();
  workers.delete(worker);
  const answer = await api.ask("POST", `/v1/deployments/${id}/cancel`);
  expect(answer.status).toBe(202);
  const again = await api.ask("POST", `/v1/deployments/${id}/cancel`);
  expect(again.body.cancellation).toMatchObject({ requestedBy: "owner" });
  await start();
  const done = await ended(id);
  expect(done).toMatchObject({ status: "interrupted", resources: { unknown: 1, notDone: 1 } });
  expect(JSON.stringify(done.failure)).toContain("Its cancel had been asked for.");
  expect(done.cancellation).toMatchObject({ detail: expect.stringContaining("interrupted") });
});
