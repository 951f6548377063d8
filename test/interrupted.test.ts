import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { sql } from "kysely";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AnswerBody, TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { person, setRules, vote } from "./helpers/approvals.ts";
import { endedWithin } from "./helpers/deployments.ts";
import { type LedgerProgram, register, writeLedgerProject } from "./helpers/ledger-project.ts";
import { stoppedAfterEach } from "./helpers/stopped-workers.ts";
import { trial } from "./helpers/trial.ts";
import { eventually } from "./helpers/waiting.ts";
import type { TestWorker } from "./helpers/worker.ts";
import { startWorkerOf } from "./helpers/worker.ts";

/** Another worker of the machine sees a dead one within a second; one that is only stopped keeps its lease of 16 s. */
const ENDED_MS = 120_000;
const TEXTS = ["one", "two", "three", "four"];

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

/** A stack of ledger resources, made one after another. */
async function ledgerStack(
  name: string,
  more: Partial<LedgerProgram> = {},
): Promise<{ stack: string; lines: () => string[]; write: (changed: Partial<LedgerProgram>) => void }> {
  const ledger = path.join(api.root, `${name}.txt`);
  const program = { version: "v1", ledger, texts: TEXTS, distinct: true, delayMs: 1_500, ...more };
  const folder = path.join(api.root, name);
  const write = (changed: Partial<LedgerProgram>): void => {
    writeLedgerProject(folder, name, { ...program, ...changed });
  };
  write({});
  const [stack = ""] = await register(api, name, folder);
  const lines = (): string[] => (existsSync(ledger) ? readFileSync(ledger, "utf8").trim().split("\n") : []);
  return { stack, lines, write };
}

async function request(stack: string, options: Record<string, unknown> = {}): Promise<string> {
  const body = { operation: "update", options: { parallel: 1, ...options } };
  const answer = await api.ask("POST", `${stack}/deployments`, { body });
  expect(answer.status, answer.text).toBe(202);
  return answer.body.id;
}

const ended = (id: string): Promise<AnswerBody> => endedWithin(api, id, ENDED_MS);

async function accountOf(id: string): Promise<Record<string, string[]>> {
  const { body } = await api.ask("GET", `/v1/deployments/${id}/resources?limit=200`);
  const found: Record<string, string[]> = { done: [], not_done: [], unknown: [] };
  for (const one of body.items)
    found[String(one.outcome)]?.push(`${String(one.operation)} ${String(one.name)}`);
  return found;
}

const finished = (lines: readonly string[]): string[] =>
  lines.filter((line) => line.startsWith("finished create ")).map((line) => line.slice(16));

test("a worker killed during the update: what the ledger says is what the account says, and the next action goes on with the rest", async () => {
  const { stack, lines, write } = await ledgerStack("account");
  const first = await start();
  const id = await request(stack);
  await eventually("the second resource is begun", 60_000, () => lines().length >= 3 || undefined);
  await first.kill();
  workers.delete(first);
  const second = await start();
  const done = await ended(id);
  expect(second.output(), "seen without waiting for the lease").toContain("a worker of this machine is gone");
  expect(done).toMatchObject({
    status: "interrupted",
    resources: { done: 1, notDone: 2, unknown: 1, planned: true },
    nextAction: { kind: "continue", pendingCreates: [{ mayExist: true }] },
  });
  const seen = lines();
  const account = await accountOf(id);
  const order = seen.filter((line) => line.startsWith("started ")).map((line) => line.slice(15));
  expect(account.done).toEqual([`create ${order[0]}`]);
  expect(account.unknown).toEqual([`create ${order[1]}`]);
  expect(account.not_done?.toSorted()).toEqual(
    TEXTS.filter((text) => !order.includes(text))
      .map((text) => `create ${text}`)
      .toSorted(),
  );
  const page = await api.ask("GET", `/v1/deployments/${id}/resources?limit=1`);
  expect(page.body.items).toMatchObject([{ outcome: "unknown", operation: "create" }]);
  const rest = await api.ask("GET", `/v1/deployments/${id}/resources?limit=9&after=${page.body.next}`);
  expect(rest.body.items).toHaveLength(3);

  // What may exist is not dropped from the state behind anybody's back.
  const refused = await api.ask("POST", `/v1/deployments/${id}/continue`, { body: {} });
  expect(refused.status).toBe(409);
  const [pending] = (done.nextAction as { pendingCreates: { urn: string }[] }).pendingCreates;
  expect(refused.body.detail).toContain(pending?.urn);
  const body = { clearPendingCreates: [pending?.urn] };
  // The same source goes on, whatever the folder holds by now.
  write({ texts: ["other"] });
  const next = await api.ask("POST", `/v1/deployments/${id}/continue`, { body });
  expect(next.status, next.text).toBe(202);
  expect(next.body).toMatchObject({ operation: "update", continues: id, runsAfter: expect.any(String) });
  const again = await api.ask("POST", `/v1/deployments/${id}/continue`, { body });
  expect(again.status, "twice at once").toBe(409);
  expect(await ended(String(next.body.runsAfter))).toMatchObject({
    status: "succeeded",
    operation: "refresh",
  });
  expect(await ended(next.body.id)).toMatchObject({ status: "succeeded", release: 1 });
  expect(finished(lines()).toSorted()).toEqual(TEXTS.toSorted());
  const resources = await api.ask("GET", `${stack}/resources`);
  expect(resources.body.pendingOperations).toEqual([]);
  const { body: before } = await api.ask("GET", `/v1/deployments/${id}`);
  expect(before.nextAction, "nothing is left to go on with").toBeNull();
});

test("what waits for a refresh that does not succeed never begins", async () => {
  const { stack, lines } = await ledgerStack("notbegun");
  const first = await start();
  const id = await request(stack);
  await eventually("the second resource is begun", 60_000, () => lines().length >= 3 || undefined);
  await first.kill();
  workers.delete(first);
  const second = await start();
  const done = await ended(id);
  await second.stop();
  workers.delete(second);
  const [pending] = (done.nextAction as { pendingCreates: { urn: string }[] }).pendingCreates;
  const body = { clearPendingCreates: [pending?.urn] };
  const next = await api.ask("POST", `/v1/deployments/${id}/continue`, { body });
  const cancelled = await api.ask("POST", `/v1/deployments/${String(next.body.runsAfter)}/cancel`);
  expect(cancelled.body).toMatchObject({ status: "cancelled", cancellation: { requestedBy: "owner" } });
  expect((await api.ask("GET", `/v1/deployments/${next.body.id}`)).body).toMatchObject({
    status: "cancelled",
    failure: { code: "not_begun" },
  });
  expect(
    (await api.ask("GET", `/v1/deployments/${id}`)).body.nextAction,
    "it can be asked for again",
  ).not.toBeNull();
});

trial(
  "H14: a worker lost after the update was complete: another one records it and does the rest, and nothing is done twice",
  async () => {
    const gate = [
      "gates:",
      "  - name: slow",
      "    phase: after",
      `    command: [node, -e, "setTimeout(() => {}, 4000)"]`,
      "",
    ].join("\n");
    const { stack, lines } = await ledgerStack("resumed", { texts: ["one"], delayMs: 0, slipwayYaml: gate });
    const first = await start();
    const id = await request(stack);
    await eventually("the gate runs", 60_000, async () => {
      const { body } = await api.ask("GET", `/v1/deployments/${id}`);
      return (
        (body.steps as AnswerBody[]).some(
          (step) => step.name === "gates-after" && step.state === "running",
        ) || undefined
      );
    });
    await first.kill();
    workers.delete(first);
    const second = await start();
    const done = await ended(id);
    expect(done, second.output()).toMatchObject({
      status: "succeeded",
      attempts: 2,
      release: 1,
      resources: null,
    });
    expect(lines()).toEqual(["started create one", "finished create one"]);
    const { body } = await api.ask("GET", `${stack}/releases`);
    expect(body.items).toMatchObject([{ number: 1, health: "good" }]);
    const states = (done.steps as AnswerBody[]).map(({ name, state }) => `${String(name)} ${String(state)}`);
    expect(states).toContain("update succeeded");
    expect(states).toContain("release succeeded");
  },
);

trial(
  "T24: a preview that is finished is no update: a worker lost right after it leads to another attempt, never to a success",
  async () => {
    const gate = [
      "gates:",
      "  - name: slow",
      "    phase: before",
      `    command: [node, -e, "setTimeout(() => {}, 100)"]`,
      "",
    ].join("\n");
    const { stack, lines } = await ledgerStack("previewed", {
      texts: ["one"],
      delayMs: 0,
      slipwayYaml: gate,
    });
    const first = await start();
    const id = await request(stack);
    await eventually("the preview has planned", 60_000, async () => {
      const { body } = await api.ask("GET", `/v1/deployments/${id}/events`);
      return body.items.some(({ body: event }) => (event as AnswerBody).state === "planned") || undefined;
    });
    await first.kill();
    workers.delete(first);
    // Between the two nobody runs it, and whoever asks hears no success.
    const between = (await api.ask("GET", `/v1/deployments/${id}`)).body;
    expect(["running", "queued"]).toContain(between.status);
    const begun = lines().length > 0;
    await start();
    const done = await ended(id);
    expect(done.status).toBe(begun ? "interrupted" : "succeeded");
    expect(done.attempts).toBe(begun ? 1 : 2);
    expect(lines().filter((line) => line.startsWith("started")).length).toBeLessThanOrEqual(1);
  },
);

trial(
  "a worker that stands still beyond its lease loses the stack, and what it does afterwards changes nothing",
  async () => {
    const { stack, lines } = await ledgerStack("stopped");
    const first = await start();
    const id = await request(stack);
    await eventually("the second resource is begun", 60_000, () => lines().length >= 3 || undefined);
    process.kill(first.pid, "SIGSTOP");
    const second = await start();
    const done = await ended(id);
    expect(done).toMatchObject({ status: "interrupted", failure: { code: "worker_lost" } });
    const atTakeover = lines();
    process.kill(first.pid, "SIGCONT");
    await pause(3_000);
    expect(lines(), "no effect after the takeover").toEqual(atTakeover);
    const after = (await api.ask("GET", `/v1/deployments/${id}`)).body;
    expect(after, first.output()).toEqual(done);
    expect(second.output()).toContain("took over a lost attempt");
  },
);

trial(
  "a worker killed after an approved update was begun and before its engine started it: the same seal is compared again, and it runs once",
  async () => {
    const { stack, lines } = await ledgerStack("not-started", { texts: ["one"], delayMs: 0 });
    const ann = await person(api, "ann");
    await setRules(api, stack, { rules: [{ name: "two-eyes", need: 1 }] });
    const first = await start();
    const id = await request(stack);
    const stepOf = async (name: string): Promise<AnswerBody | undefined> => {
      const { body } = await api.ask("GET", `/v1/deployments/${id}`);
      return (body.steps as AnswerBody[]).find((step) => step.name === name);
    };
    await eventually("it waits for a vote", ENDED_MS, async () => {
      const { body } = await api.ask("GET", `/v1/deployments/${id}`);
      return body.status === "waiting_approval";
    });
    const { body: approval } = await api.ask("GET", `/v1/deployments/${id}/approval`);
    const client = new pg.Client({ connectionString: api.databaseUrl });
    await client.connect();
    try {
      expect((await vote(api, id, ann)).status).toBe(200);
      await eventually("it is previewed again", ENDED_MS, async () => {
        const { rows } = await sql`select 1 from deployment_events where deployment_id = ${id} and attempt = 2
        and body @> '{"type": "step", "step": "preview", "state": "succeeded"}'`.execute(api.db);
        return rows.length > 0;
      });
      // The engine's request for an update waits here, and everything else goes on.
      await client.query("begin");
      await client.query("lock table updates in share mode");
      await eventually(
        "the update has begun",
        ENDED_MS,
        async () => (await stepOf("update"))?.state === "running",
      );
      await first.kill();
      workers.delete(first);
    } finally {
      await client.end();
    }
    await start();
    const done = await ended(id);
    expect(done, JSON.stringify(done.failure)).toMatchObject({ status: "succeeded", binding: "exact" });
    expect([await attemptsOf(id), lines()]).toEqual([3, ["started create one", "finished create one"]]);
    expect((await api.ask("GET", `/v1/deployments/${id}/approval`)).body).toMatchObject({
      state: "begun",
      seal: approval.seal,
    });
  },
);

async function attemptsOf(id: string): Promise<number> {
  const rows = await api.db.selectFrom("attempts").select("id").where("deployment_id", "=", id).execute();
  return rows.length;
}
