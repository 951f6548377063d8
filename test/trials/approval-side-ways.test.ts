import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AnswerBody, TestApi } from "../helpers/api.ts";
import { startTestApi } from "../helpers/api.ts";
import type { TestPerson } from "../helpers/approvals.ts";
import { group, person, setRules, signIn, vote } from "../helpers/approvals.ts";
import { endedWithin } from "../helpers/deployments.ts";
import type { LedgerProgram } from "../helpers/ledger-project.ts";
import { linesOf, register, writeLedgerProject } from "../helpers/ledger-project.ts";
import { eventually } from "../helpers/waiting.ts";
import type { TestWorker } from "../helpers/worker.ts";
import { startWorkerOf } from "../helpers/worker.ts";

const WITHIN_MS = 120_000;
const INCIDENT = {
  reason: "The shop is down and nobody else is awake.",
  incident: "https://status.example/incidents/7",
};

let api: TestApi;
let worker: TestWorker;
let ann: TestPerson;
let bea: TestPerson;
beforeAll(async () => {
  api = await startTestApi();
  worker = await startWorkerOf(api);
  [ann, bea] = [await person(api, "ann"), await person(api, "bea")];
  await group(api, "ops", ["ann", "bea"]);
});
afterAll(async () => {
  await worker.stop();
  await api.close();
});

interface Project {
  stack: string;
  ledger: string;
  deploy(program: Partial<LedgerProgram> & { version: string }): Promise<string>;
}

async function project(name: string): Promise<Project> {
  const ledger = path.join(api.root, `${name}.txt`);
  const folder = path.join(api.root, name);
  const write = (program: Partial<LedgerProgram> & { version: string }): void =>
    void writeLedgerProject(folder, name, { ledger, ...program });
  write({ version: "v1" });
  const [stack = ""] = await register(api, name, folder);
  return {
    stack,
    ledger,
    deploy: (program) => {
      write(program);
      return request(stack, { operation: "update" });
    },
  };
}

async function request(stack: string, body: object, headers: Record<string, string> = {}): Promise<string> {
  const answer = await api.ask("POST", `${stack}/deployments`, { body, headers });
  expect(answer.status, answer.text).toBe(202);
  return answer.body.id;
}

const ended = (id: string): Promise<AnswerBody> => endedWithin(api, id, WITHIN_MS);
const waits = (id: string): Promise<AnswerBody> =>
  eventually(`deployment ${id} waits`, WITHIN_MS, async () => {
    const { body } = await api.ask("GET", `/v1/deployments/${id}`);
    if (body.finishedAt !== null) throw new Error(`it has ended: ${JSON.stringify(body)} ${worker.output()}`);
    return body.status === "waiting_approval" ? body : undefined;
  });
const stepOf = (body: AnswerBody, name: string): unknown =>
  (body.steps as AnswerBody[]).find((step) => step.name === name);

test("an emergency passes the votes of a rollback by, and nothing that holds data is deleted before somebody has agreed to that by its name", async () => {
  const { stack, ledger, deploy } = await project("emergency");
  await ended(await deploy({ version: "v1", texts: ["a"], distinct: true }));
  const second = await ended(await deploy({ version: "v2", texts: ["a", "vault"], distinct: true }));
  expect(second, worker.output()).toMatchObject({ status: "succeeded" });
  await setRules(api, stack, {
    rules: [{ name: "ops", need: 1, from: ["ops"] }],
    statefulTypes: ["ledger:index:*"],
    emergency: ["ops"],
  });
  await api.ask("PUT", `${stack}/rollback-settings`, { body: { coversRequested: true } });
  const body = { operation: "rollback", emergency: INCIDENT };
  const id = await request(stack, body, await signIn(api, ann.token));
  const waiting = await waits(id);
  const { steps } = waiting.consent as { steps: { id: string; kind: string }[] };
  expect(steps).toMatchObject([{ kind: "delete" }]);
  expect(stepOf(waiting, "approval")).toMatchObject({ state: "waiting" });
  const deletions = (): string[] => linesOf(ledger).filter((line) => line.includes("delete"));
  expect(deletions()).toEqual([]);
  const agreed = await api.ask("POST", `/v1/deployments/${id}/consent`, {
    headers: ann.session,
    body: { steps: steps.map((step) => step.id) },
  });
  expect(agreed.status, agreed.text).toBe(200);
  const done = await ended(id);
  expect(done, worker.output()).toMatchObject({ status: "succeeded", attempts: 2 });
  expect(stepOf(done, "approval")).toMatchObject({
    detail: expect.stringContaining("an emergency of user:ann") as string,
  });
  expect(deletions().length).toBeGreaterThan(0);
});

test("an update that only takes the protection of a resource away waits for votes, although the engine calls all of it the same", async () => {
  const { stack, deploy } = await project("protected");
  const kept = (protect: boolean): string =>
    `new pulumi.CustomResource("ledger:index:Entry", "kept", ${JSON.stringify({ ledger: path.join(api.root, "protected.txt"), text: "kept", delayMs: 0 })}, { protect: ${protect} });`;
  const program = (protect: boolean) => ({ version: "v1", more: kept(protect) });
  expect(await ended(await deploy(program(true))), worker.output()).toMatchObject({ status: "succeeded" });
  await setRules(api, stack, {
    rules: [{ name: "ops", need: 1, from: ["ops"], minRisk: "highest", resourceTypes: ["ledger:index:*"] }],
  });
  const same = await ended(await deploy({ ...program(true), files: { "note.txt": "nothing else" } }));
  expect(stepOf(same, "approval")).toMatchObject({ detail: "nothing is to be changed" });
  const id = await deploy(program(false));
  await waits(id);
  const { body: asked } = await api.ask("GET", `/v1/deployments/${id}/approval`);
  expect(asked).toMatchObject({
    risk: { tier: "highest", reasons: ["Protection taken away: kept."], counts: { unprotect: 1 } },
    missing: 1,
  });
  await vote(api, id, bea);
  expect(await ended(id), worker.output()).toMatchObject({ status: "succeeded", binding: "exact" });
  const again = await ended(await deploy({ ...program(false), files: { "note.txt": "once more" } }));
  expect(stepOf(again, "approval")).toMatchObject({ detail: "nothing is to be changed" });
});

test("an update that changes nothing but an output of the stack waits for votes, since others read it", async () => {
  const { stack, deploy } = await project("outputs");
  const program = (value: string) => ({ version: "v1", more: `export const endpoint = "${value}";` });
  expect(await ended(await deploy(program("a"))), worker.output()).toMatchObject({ status: "succeeded" });
  await setRules(api, stack, { rules: [{ name: "ops", need: 1, from: ["ops"] }] });
  const id = await deploy(program("b"));
  await waits(id);
  const { body: asked } = await api.ask("GET", `/v1/deployments/${id}/approval`);
  expect(asked).toMatchObject({
    risk: { tier: "low", reasons: ["Other outputs of the stack: endpoint."], counts: { outputs: 1 } },
  });
  await vote(api, id, bea);
  expect(await ended(id), worker.output()).toMatchObject({ status: "succeeded" });
  expect((await api.ask("GET", `${stack}/outputs`)).body).toMatchObject({ outputs: { endpoint: "b" } });
});
