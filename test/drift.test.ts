import { createHash } from "node:crypto";
import { cpSync, existsSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pulumiEnvironment } from "../automation/src/engine/pulumi-cli/environment.ts";
import { pulumiForTests } from "../automation/src/engine/pulumi-cli/testing.ts";
import type { AnswerBody, TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { endedWithin } from "./helpers/deployments.ts";
import { ran } from "./helpers/installation.ts";
import { register } from "./helpers/ledger-project.ts";
import type { Shelf } from "./helpers/shelf-project.ts";
import { openShelf, SHELF_PROVIDER, writeShelfProject } from "./helpers/shelf-project.ts";
import { trial } from "./helpers/trial.ts";
import { eventually } from "./helpers/waiting.ts";
import type { TestWorker } from "./helpers/worker.ts";
import { listening, startWorkerOf } from "./helpers/worker.ts";

const ENDS_WITHIN_MS = 120_000;
const ITEMS = { one: "first", two: "second", three: "third", safe: "hidden-words" };

let api: TestApi;
/** One for all tests; the test that kills it starts another one. */
let worker: TestWorker;
beforeAll(async () => {
  api = await startTestApi();
  worker = await startWorkerOf(api);
});
afterAll(async () => {
  await worker?.stop();
  await api?.close();
});

async function request(stack: string, operation: string): Promise<string> {
  const answer = await api.ask("POST", `${stack}/deployments`, { body: { operation } });
  expect(answer.status, answer.text).toBe(202);
  return answer.body.id;
}

const ended = (id: string): Promise<AnswerBody> => endedWithin(api, id, ENDS_WITHIN_MS);

async function run(stack: string, operation: string, status = "succeeded"): Promise<AnswerBody> {
  const deployment = await ended(await request(stack, operation));
  expect(deployment.status, JSON.stringify(deployment.failure)).toBe(status);
  return deployment;
}

async function latest(stack: string): Promise<AnswerBody> {
  const { body } = await api.ask("GET", `${stack}/drift`);
  return body.latest as AnswerBody;
}

/** Everything that is stored of a stack's state, and what an export answers. */
async function stateOf(stack: string): Promise<string> {
  const { body } = await api.ask("GET", stack);
  const rows = await api.db
    .selectFrom("states")
    .selectAll()
    .where("stack_id", "=", body.id)
    .orderBy("number")
    .execute();
  const exported = await api.ask("GET", `${stack.replace("/v1/", "/api/")}/export`, {
    headers: { authorization: `token ${api.token}` },
  });
  expect(exported.status, exported.text).toBe(200);
  return createHash("sha256").update(JSON.stringify(rows)).update(exported.text).digest("hex");
}

interface Site {
  stack: string;
  shelf: Shelf;
  folder: string;
}

/** A stack with the items on its shelf, deployed by Slipway. */
async function deployed(name: string, provider?: string): Promise<Site> {
  const shelf = openShelf(path.join(api.root, `${name}-shelf`));
  const folder = writeShelfProject(path.join(api.root, name), name, {
    shelf,
    items: ITEMS,
    sealed: ["safe"],
    ...(provider === undefined ? {} : { provider }),
  });
  const [stack = ""] = await register(api, name, folder);
  await run(stack, "update");
  shelf.put("safe", { text: ITEMS.safe, sealed: true });
  return { stack, shelf, folder };
}

test("a drift check reads and changes nothing, and tells gone, changed and reported apart", async () => {
  const { stack, shelf, folder } = await deployed("apart");
  const before = await stateOf(stack);
  shelf.forgetCalls();

  expect(await run(stack, "detect-drift")).toMatchObject({ release: null, changes: {} });
  expect(await latest(stack)).toMatchObject({
    status: "clean",
    cause: null,
    state: 1,
    release: 1,
    resources: [],
  });
  expect(shelf.calls()).toEqual({ read: 4, diff: 4 });

  // What is in the folder now was never deployed, and is nobody's drift.
  writeShelfProject(folder, "apart", { shelf, items: { other: "new" } });
  shelf.put("one", { text: "somebody else's" });
  rmSync(path.join(shelf.folder, "two.json"));
  shelf.put("three", { text: ITEMS.three, touched: 7 });
  shelf.put("safe", { text: "other hidden words", sealed: true });
  shelf.forgetCalls();

  const check = await run(stack, "detect-drift");
  const found = await latest(stack);
  expect(found).toMatchObject({
    status: "drifted",
    gone: 0,
    unconfirmed: 1,
    inputChanged: 2,
    outputOnly: 1,
    release: 1,
    state: 1,
  });
  const byName = Object.fromEntries(
    (found.resources as AnswerBody[]).map(({ name, class: kind, changedProperties, sealedProperties }) => [
      name,
      [kind, changedProperties, sealedProperties],
    ]),
  );
  expect(byName).toEqual({
    one: ["input-changed", ["text"], []],
    two: ["gone", [], []],
    three: ["output-only", ["touched"], []],
    safe: ["input-changed", ["text"], ["text"]],
  });
  expect(Object.keys(shelf.calls()).sort()).toEqual(["diff", "read"]);
  expect(await stateOf(stack)).toBe(before);

  const events = await api.ask("GET", `/v1/deployments/${check.id}/events?limit=5000`);
  const checks = await api.ask("GET", `${stack}/drift/checks`);
  for (const text of [events.text, checks.text]) {
    for (const value of ["hidden words", "hidden-words", "somebody else's"])
      expect(text).not.toContain(value);
  }
  expect(checks.body.items.map(({ status }) => status)).toEqual(["drifted", "clean"]);
  const told = await api.db
    .selectFrom("notifications")
    .select("kind")
    .where("kind", "like", "drift%")
    .execute();
  // One for each input; what was not found is read again first.
  expect(told).toEqual([{ kind: "drift.found" }, { kind: "drift.found" }]);
});

test("a check that cannot be made is unknown with its cause, and never drift", async () => {
  const provider = path.join(api.root, "provider-copy");
  cpSync(SHELF_PROVIDER, provider, { recursive: true });
  symlinkSync(path.resolve("node_modules"), path.join(provider, "node_modules"));
  const { stack, shelf } = await deployed("unknown", provider);
  const before = await stateOf(stack);

  rmSync(path.join(shelf.folder, "one.json"));
  writeFileSync(path.join(shelf.folder, "refuse"), "the credentials have expired");
  expect(await run(stack, "detect-drift", "failed")).toMatchObject({
    failure: { code: "detect_drift_failed", detail: expect.stringContaining("the credentials have expired") },
  });
  expect(await latest(stack)).toMatchObject({
    status: "unknown",
    cause: expect.stringContaining("the credentials have expired"),
    gone: 0,
    resources: [],
  });
  rmSync(path.join(shelf.folder, "refuse"));

  rmSync(provider, { recursive: true });
  await run(stack, "detect-drift", "failed");
  expect(await latest(stack)).toMatchObject({ status: "unknown", cause: expect.any(String) });
  const { body } = await api.ask("GET", `${stack}/drift`);
  expect(body.lastKnown).toBeNull();
  expect(await stateOf(stack)).toBe(before);
});

/** Runs `pulumi` as an engineer does, logged in to the server with the owner's token. */
async function laptop(folder: string, args: readonly string[]): Promise<void> {
  const pulumi = await pulumiForTests();
  const home = path.join(api.root, "laptop-home");
  const modules = path.join(folder, "node_modules");
  if (!existsSync(modules)) symlinkSync(path.resolve("node_modules"), modules);
  const done = await ran([pulumi.path, "--non-interactive", ...args], {
    cwd: folder,
    env: {
      ...pulumiEnvironment(pulumi),
      HOME: home,
      PULUMI_HOME: path.join(home, ".pulumi"),
      PULUMI_BACKEND_URL: await listening(api),
      PULUMI_ACCESS_TOKEN: api.token,
      SLIPWAY_TEST_MARK: process.env.SLIPWAY_TEST_MARK ?? "",
    },
  });
  expect(done.code, done.stdout + done.stderr).toBe(0);
}

trial("a stack that only the Pulumi CLI deployed is checked by its state alone", async () => {
  const shelf = openShelf(path.join(api.root, "bare-shelf"));
  const folder = writeShelfProject(path.join(api.root, "bare"), "bare", { shelf, items: { one: "first" } });
  await laptop(folder, ["stack", "init", "default/bare/test"]);
  await laptop(folder, ["up", "--yes", "--skip-preview", "--stack", "default/bare/test"]);
  // As a real plugin is: the program that names its folder is not here.
  const plugin = path.join(api.dataDir, "pulumi-home/plugins/resource-shelf-v0.0.1");
  cpSync(SHELF_PROVIDER, plugin, { recursive: true });
  symlinkSync(path.resolve("node_modules"), path.join(plugin, "node_modules"));
  const stack = "/v1/stacks/default/bare/test";
  const before = await stateOf(stack);
  shelf.forgetCalls();
  expect(await run(stack, "detect-drift")).toMatchObject({ sourceDigest: null, targetRelease: null });
  expect(await latest(stack)).toMatchObject({ status: "clean", release: null, state: 1 });
  rmSync(path.join(shelf.folder, "one.json"));
  await run(stack, "detect-drift");
  expect(await latest(stack)).toMatchObject({ status: "unknown", unconfirmed: 1, gone: 0, release: null });
  expect(Object.keys(shelf.calls()).sort()).toEqual(["diff", "read"]);
  expect(await stateOf(stack)).toBe(before);

  // An engineer's own update goes on beside a check, too.
  shelf.put("one", { text: "first" });
  writeFileSync(path.join(shelf.folder, "slow"), String(ENDS_WITHIN_MS));
  shelf.forgetCalls();
  const check = await request(stack, "detect-drift");
  await eventually("the check reads", 60_000, () => (shelf.calls().read ?? 0) > 0);
  writeShelfProject(folder, "bare", { shelf, items: { one: "second" } });
  await laptop(folder, ["up", "--yes", "--skip-preview", "--stack", "default/bare/test"]);
  rmSync(path.join(shelf.folder, "slow"));
  const done = await ended(check);
  expect(done.status, JSON.stringify(done.failure)).toBe("succeeded");
  expect(done.attempts).toBe(2);
  expect(await latest(stack)).toMatchObject({ deploymentId: check, status: "clean", state: 2 });
});

test("an update never waits for a check: the check begins anew when the stack is free, and waits while it is held", async () => {
  const { stack, shelf, folder } = await deployed("busy");
  writeFileSync(path.join(shelf.folder, "slow"), String(ENDS_WITHIN_MS));
  shelf.forgetCalls();
  const check = await request(stack, "detect-drift");
  await eventually("the check reads", 60_000, () => (shelf.calls().read ?? 0) > 0);
  writeShelfProject(folder, "busy", { shelf, items: { ...ITEMS, one: "other" }, sealed: ["safe"] });
  const update = await run(stack, "update");
  const { body: meanwhile } = await api.ask("GET", `/v1/deployments/${check}`);
  expect(meanwhile.finishedAt, "the update was done before the check").toBeNull();
  rmSync(path.join(shelf.folder, "slow"));
  const done = await ended(check);
  expect(done.status, JSON.stringify(done.failure)).toBe("succeeded");
  expect(done.attempts).toBe(2);
  expect(Date.parse(String(done.finishedAt))).toBeGreaterThan(Date.parse(String(update.finishedAt)));
  expect(await latest(stack)).toMatchObject({ deploymentId: check, status: "clean", state: 2 });
  const { body: audit } = await api.ask("GET", "/v1/audit?action=deployment.requeued");
  expect(audit.items[0]).toMatchObject({ details: { deployment: check, reason: "stack_moved" } });
});

trial("a worker that is killed during a check: another one makes it, and no row is left behind", async () => {
  const { stack, shelf } = await deployed("killed");
  writeFileSync(path.join(shelf.folder, "slow"), String(ENDS_WITHIN_MS));
  shelf.forgetCalls();
  const check = await request(stack, "detect-drift");
  await eventually("the check reads", 60_000, () => (shelf.calls().read ?? 0) > 0);
  await worker.kill();
  rmSync(path.join(shelf.folder, "slow"));
  worker = await startWorkerOf(api);
  const done = await ended(check);
  expect(done.status, JSON.stringify(done.failure)).toBe("succeeded");
  expect(done.attempts).toBe(2);
  expect(await latest(stack)).toMatchObject({ status: "clean" });
  expect(await api.db.selectFrom("attempt_looks").selectAll().execute()).toEqual([]);
});

trial("a check that is cancelled says nothing about the stack", async () => {
  const { stack, shelf } = await deployed("cancelled");
  await run(stack, "detect-drift");
  writeFileSync(path.join(shelf.folder, "slow"), String(ENDS_WITHIN_MS));
  shelf.forgetCalls();
  const check = await request(stack, "detect-drift");
  await eventually("the check reads", 60_000, () => (shelf.calls().read ?? 0) > 0);
  await api.ask("POST", `/v1/deployments/${check}/cancel`);
  // A provider in the middle of a read is let come to its end.
  await eventually("the check is interrupted", 60_000, async () => {
    const { text } = await api.ask("GET", `/v1/deployments/${check}/events?limit=5000`);
    return text.includes('"interrupted"');
  });
  rmSync(path.join(shelf.folder, "slow"));
  expect(await ended(check)).toMatchObject({ status: "cancelled" });
  const { body } = await api.ask("GET", `${stack}/drift/checks`);
  expect(body.items.map(({ status }) => status)).toEqual(["clean"]);
  expect(await api.db.selectFrom("attempt_looks").selectAll().execute()).toEqual([]);
});
