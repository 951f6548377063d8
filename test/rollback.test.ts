import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AnswerBody, TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { endedWithin } from "./helpers/deployments.ts";
import type { LedgerProgram } from "./helpers/ledger-project.ts";
import { linesOf, register, writeLedgerProject } from "./helpers/ledger-project.ts";
import { trial } from "./helpers/trial.ts";
import { eventually } from "./helpers/waiting.ts";
import type { TestWorker } from "./helpers/worker.ts";
import { startWorkerOf } from "./helpers/worker.ts";

/** A gate on what was deployed: versions with "bad" in them do not pass. */
const GATE = `gates:
  - name: not-bad
    phase: after
    command: [node, -e, "const { version } = JSON.parse(process.env.SLIPWAY_OUTPUTS); if (version.includes('bad')) { console.error('error: ' + version); process.exit(1); }"]
`;

let api: TestApi;
let worker: TestWorker;
beforeAll(async () => {
  api = await startTestApi();
  worker = await startWorkerOf(api);
});
afterAll(async () => {
  const code = await worker.stop();
  await api.close();
  expect(code, worker.output()).toBe(0);
});

function deploy(
  stack: string,
  body: Record<string, unknown> = { operation: "update" },
): ReturnType<TestApi["ask"]> {
  return api.ask("POST", `${stack}/deployments?wait=60`, { body });
}

const ended = (id: string): Promise<AnswerBody> => endedWithin(api, id, 90_000);

interface Project {
  stack: string;
  ledger: string;
  write(program: Partial<LedgerProgram> & { version: string }): void;
}

async function makeProject(
  name: string,
  first: Partial<LedgerProgram> & { version: string },
): Promise<Project> {
  const ledger = path.join(api.root, `${name}.txt`);
  const folder = path.join(api.root, name);
  const write: Project["write"] = (program) =>
    void writeLedgerProject(folder, name, { ledger, slipwayYaml: GATE, ...program });
  write(first);
  const [stack = ""] = await register(api, name, folder);
  return { stack, ledger, write };
}

test("a failing gate marks the release bad, rolls back once, and quarantines source and config", async () => {
  const project = await makeProject("gate-fails", { version: "v1" });
  const { stack, ledger } = project;
  expect((await deploy(stack)).body, worker.output()).toMatchObject({ status: "succeeded", release: 1 });
  project.write({ version: "v2-bad" });
  const answer = await deploy(stack);
  const failed = await ended(answer.body.id);
  expect(failed).toMatchObject({
    status: "rolled_back",
    release: 2,
    failure: { code: "gate_failed" },
    gates: [{ name: "not-bad", verdict: "fail" }],
  });
  expect(JSON.stringify(failed.failure)).toContain("Slipway rolled back to release 1");
  expect(failed.rolledBackBy).toBeTypeOf("string");
  const rollback = await ended(String(failed.rolledBackBy));
  expect(rollback).toMatchObject({
    operation: "rollback",
    status: "succeeded",
    cause: "automatic-rollback",
    causedBy: failed.id,
    requestedBy: "slipway",
    targetRelease: 1,
    release: 3,
  });
  expect((await api.ask("GET", `${stack}/releases/2`)).body).toMatchObject({
    health: "bad",
    quarantined: true,
  });
  expect((await api.ask("GET", `${stack}/releases/3`)).body).toMatchObject({
    health: "good",
    rollbackOf: 1,
    quarantined: false,
    outputs: { version: "v1" },
  });
  expect(linesOf(ledger).filter((line) => line.startsWith("finished"))).toEqual([
    "finished create v1",
    "finished update v2-bad",
    "finished update v1",
  ]);

  const again = await api.ask("POST", `${stack}/deployments`, { body: { operation: "update" } });
  expect(again.status).toBe(409);
  expect(again.body.code).toBe("quarantined");
  const all = await api.ask("GET", `${stack}/deployments`);
  expect(all.body.items).toHaveLength(3);
  const actions = (await api.ask("GET", "/v1/audit?project=gate-fails&limit=200")).body.items.map(
    (one) => one.action,
  );
  for (const action of [
    "release.marked_bad",
    "release.marked_good",
    "quarantine.set",
    "deployment.rolled_back",
  ])
    expect(actions).toContain(action);
  const writers = await api.db
    .selectFrom("stack_writers")
    .selectAll()
    .where("holder", "is not", null)
    .execute();
  expect(writers).toEqual([]);
});

test("H1: the first release has nothing to go back to: it is bad, the resources stay, and the same can be tried again", async () => {
  const { stack, ledger } = await makeProject("first-bad", { version: "v1-bad" });
  const { body } = await deploy(stack);
  expect(body).toMatchObject({ status: "failed", release: 1, rolledBackBy: null });
  expect(JSON.stringify(body.failure)).toContain("no good release to roll back to; the resources stay");
  expect((await api.ask("GET", `${stack}/releases/1`)).body).toMatchObject({
    health: "bad",
    quarantined: false,
  });
  expect(linesOf(ledger)).toEqual(["started create v1-bad", "finished create v1-bad"]);
  const again = await deploy(stack);
  expect(again.body).toMatchObject({ status: "failed", release: 2, failure: { code: "gate_failed" } });
});

trial("an update that fails half-way is rolled back although it made no release", async () => {
  const project = await makeProject("half-way", { version: "v1", texts: ["a"] });
  expect((await deploy(project.stack)).body).toMatchObject({ status: "succeeded" });
  project.write({ version: "v2", texts: ["a"], failsOn: "update" });
  const failed = await ended((await deploy(project.stack)).body.id);
  expect(failed).toMatchObject({ status: "rolled_back", release: null, failure: { code: "update_failed" } });
  expect(JSON.stringify(failed.failure)).toContain("the ledger refuses to update v2");
  expect(await ended(String(failed.rolledBackBy))).toMatchObject({
    status: "succeeded",
    release: 2,
    targetRelease: 1,
  });
});

test("a rollback whose own gates fail starts no other, and both deployments say so", async () => {
  const project = await makeProject("no-ping-pong", { version: "v1", slipwayYaml: flagGate("ok") });
  expect((await deploy(project.stack)).body).toMatchObject({ status: "succeeded", release: 1 });
  // From now on the gate of release 1 fails as well: the world has changed, not the program.
  writeFlag("broken");
  project.write({ version: "v2", slipwayYaml: flagGate("ok") });
  const failed = await ended((await deploy(project.stack)).body.id);
  expect(failed).toMatchObject({ status: "failed" });
  expect(JSON.stringify(failed.failure)).toContain("did not succeed");
  expect(await ended(String(failed.rolledBackBy))).toMatchObject({
    status: "failed",
    failure: { code: "gate_failed" },
  });
  expect((await api.ask("GET", `${project.stack}/deployments`)).body.items).toHaveLength(3);
});

test("a rollback by hand previews and makes a new release, and a deployment in the queue waits for an automatic one", async () => {
  const project = await makeProject("by-hand", { version: "v1" });
  await deploy(project.stack);
  project.write({ version: "v2" });
  await deploy(project.stack);
  const back = await deploy(project.stack, { operation: "rollback", release: 1 });
  expect(back.body).toMatchObject({ status: "succeeded", release: 3, targetRelease: 1, cause: "request" });
  expect((back.body.steps as AnswerBody[]).map((step) => step.name)).toEqual([
    "prepare",
    "reconcile",
    "preview",
    "consent",
    "policy",
    "seal",
    "approval",
    "update",
    "ship",
    "gates-after",
    "release",
  ]);

  project.write({ version: "v3-bad" });
  const bad = await api.ask("POST", `${project.stack}/deployments`, { body: { operation: "update" } });
  project.write({ version: "v4" });
  const behind = await api.ask("POST", `${project.stack}/deployments`, { body: { operation: "update" } });
  expect(await ended(behind.body.id)).toMatchObject({ status: "succeeded" });
  expect(await ended(bad.body.id)).toMatchObject({ status: "rolled_back" });
  const applied = linesOf(project.ledger).filter((line) => line.startsWith("finished"));
  expect(applied.map((line) => line.split(" ").at(-1))).toEqual(["v1", "v2", "v1", "v3-bad", "v1", "v4"]);
});

trial(
  "a rollback that may cancel what runs ends that by the ladder first, and is the next on the stack",
  async () => {
    const project = await makeProject("cancels-first", { version: "v1", texts: ["a", "b"] });
    await deploy(project.stack);
    project.write({ version: "v2", texts: ["a", "b"], delayMs: 2_000 });
    const body = { operation: "update", options: { parallel: 1 } };
    const slow = await api.ask("POST", `${project.stack}/deployments`, { body });
    const waiting = await api.ask("POST", `${project.stack}/deployments`, { body });
    await eventually("the update has begun to change something", 60_000, () =>
      linesOf(project.ledger).includes("started update v2"),
    );
    const polite = await api.ask("POST", `${project.stack}/deployments`, {
      body: { operation: "update", cancelRunning: true },
    });
    expect([polite.status, polite.body.code]).toEqual([422, "option_not_supported"]);
    const back = await api.ask("POST", `${project.stack}/deployments`, {
      body: { operation: "rollback", release: 1, cancelRunning: true },
    });
    expect(back.status, back.text).toBe(202);
    expect(await ended(slow.body.id)).toMatchObject({
      status: "cancelled",
      cancellation: { requestedBy: "owner" },
    });
    expect(await ended(back.body.id)).toMatchObject({ status: "succeeded", targetRelease: 1 });
    const applied = linesOf(project.ledger).filter((line) => line.startsWith("finished update"));
    // What was in flight came to its end; nothing of it was begun after the cancel, and the rollback went before what had waited longer.
    expect(applied[0]).toBe("finished update v2");
    expect(applied[1]).toBe("finished update v1");
    expect(await ended(waiting.body.id)).toMatchObject({ status: "succeeded" });
  },
);

function flagFile(): string {
  return path.join(api.root, "flag.txt");
}
function writeFlag(text: string): void {
  writeFileSync(flagFile(), text);
}
function flagGate(expected: string): string {
  if (!existsSync(flagFile())) writeFlag("ok");
  return `gates:
  - name: flag
    phase: after
    command: [node, -e, "process.exit(require('node:fs').readFileSync('${flagFile()}', 'utf8') === '${expected}' ? 0 : 1)"]
`;
}
