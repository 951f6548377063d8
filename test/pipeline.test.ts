import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { createServer } from "node:http";
import path from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { AnswerBody, TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { register, writeLedgerProject } from "./helpers/ledger-project.ts";
import { program, writeProject } from "./helpers/trivial-project.ts";
import { eventually } from "./helpers/waiting.ts";
import type { TestWorker } from "./helpers/worker.ts";
import { startWorkerOf } from "./helpers/worker.ts";

const CANARY = "canary-7f3c1e-do-not-leak";

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

function deploy(stack: string, body: Record<string, unknown>): ReturnType<TestApi["ask"]> {
  return api.ask("POST", `${stack}/deployments?wait=60`, { body });
}

async function eventsOf(id: string): Promise<{ sequence: number; body: Record<string, unknown> }[]> {
  const { body } = await api.ask("GET", `/v1/deployments/${id}/events?limit=5000`);
  return body.items as unknown as { sequence: number; body: Record<string, unknown> }[];
}

function linesOf(file: string): string[] {
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
}

test("an update becomes a good release with its outputs, a second one shows what changed", async () => {
  const folder = path.join(api.root, "plain");
  writeProject(folder, "plain");
  const [stack = ""] = await register(api, "plain", folder);
  const first = await deploy(stack, { operation: "update", message: "first" });
  expect(first.body, worker.output()).toMatchObject({
    status: "succeeded",
    release: 1,
    failure: null,
    attempts: 1,
  });
  expect((await api.ask("GET", `${stack}/releases/1`)).body).toMatchObject({
    health: "good",
    outputs: { version: "v1" },
    message: "first",
    rollbackOf: null,
  });
  const states = (first.body.steps as AnswerBody[]).map(({ name, state }) => `${name} ${state}`);
  expect(states).toEqual([
    "prepare succeeded",
    "build skipped",
    "test skipped",
    "gates-before skipped",
    "preview succeeded",
    "policy skipped",
    "seal succeeded",
    "approval skipped",
    "update succeeded",
    "ship skipped",
    "gates-after skipped",
    "release succeeded",
  ]);

  writeProject(folder, "plain", { "index.js": program("v2") });
  const second = await deploy(stack, { operation: "update" });
  expect(second.body).toMatchObject({ status: "succeeded", release: 2 });
  const events = await eventsOf(second.body.id);
  expect(events.map((event) => event.sequence)).toEqual(events.map((_, index) => index + 1));
  expect(events.at(-1)?.body).toMatchObject({ type: "status", status: "succeeded" });
  expect((await api.ask("GET", stack)).body).toMatchObject({ currentRelease: 2, lastGoodRelease: 2 });
  const actions = (await api.ask("GET", "/v1/audit?project=plain&limit=200")).body.items.map(
    (one) => one.action,
  );
  for (const action of [
    "deployment.requested",
    "deployment.started",
    "release.recorded",
    "deployment.succeeded",
  ])
    expect(actions).toContain(action);
  await eventually("the folders of finished attempts are gone", 30_000, async () => {
    const left = await readdir(path.join(api.dataDir, "attempts", worker.workerId));
    return left.length === 1;
  });
});

test("a preview changes nothing and makes no release; refresh and destroy do what they say", async () => {
  const ledger = path.join(api.root, "operations.txt");
  const folder = writeLedgerProject(path.join(api.root, "operations"), "operations", {
    version: "v1",
    ledger,
  });
  const [stack = ""] = await register(api, "operations", folder);
  const previewed = await deploy(stack, { operation: "preview" });
  expect(previewed.body).toMatchObject({ status: "succeeded", release: null, changes: { create: 2 } });
  expect(linesOf(ledger)).toEqual([]);
  expect((await deploy(stack, { operation: "update", options: { skipPreview: true } })).body).toMatchObject({
    status: "succeeded",
    release: 1,
  });
  expect(linesOf(ledger)).toEqual(["started create v1", "finished create v1"]);
  expect((await api.ask("GET", stack)).body.resourceCount).toBe(3);
  expect((await deploy(stack, { operation: "refresh" })).body).toMatchObject({
    status: "succeeded",
    release: null,
  });
  expect((await deploy(stack, { operation: "destroy" })).body).toMatchObject({
    status: "succeeded",
    release: null,
  });
  expect(linesOf(ledger).slice(2)).toEqual(["started delete v1", "finished delete v1"]);
  expect((await api.ask("GET", stack)).body.resourceCount).toBe(0);
});

test("services are built and tested, and the program is told of the artifacts", async () => {
  const folder = writeProject(path.join(api.root, "built"), "built", {
    "index.js": `import { readFileSync } from "node:fs";
const artifacts = JSON.parse(readFileSync(process.env.SLIPWAY_ARTIFACTS, "utf8"));
export const digest = artifacts.web.digest;
export const text = readFileSync(artifacts.web.path + "/hello.txt", "utf8");
`,
    "build.mjs": `import { mkdirSync, writeFileSync } from "node:fs";
mkdirSync("dist", { recursive: true }); writeFileSync("dist/hello.txt", "hello from node " + process.versions.node.split(".")[0]);
`,
    "slipway.yaml": `services:
  web:
    path: .
    build: [node, build.mjs]
    test: [[node, -e, "console.log('tested')"]]
    artifact: dist
`,
  });
  const [stack = ""] = await register(api, "built", folder);
  const { body } = await deploy(stack, { operation: "update" });
  expect(body, worker.output()).toMatchObject({ status: "succeeded" });
  const release = (await api.ask("GET", `${stack}/releases/1`)).body;
  const [artifact] = release.artifacts as { name: string; digest: string; sizeBytes: number }[];
  expect(artifact).toMatchObject({ name: "web", sizeBytes: 18 });
  expect(release.outputs).toEqual({ digest: artifact?.digest, text: "hello from node 24" });
  const lines = (await eventsOf(body.id)).map((event) => event.body.line);
  expect(lines).toContain("tested");
});

test("a failing test command ends the deployment before anything is touched and names the command", async () => {
  const folder = writeProject(path.join(api.root, "untested"), "untested", {
    "slipway.yaml": `services:
  web:
    path: .
    test: [node, -e, "console.error('assertion failed: 1 is not 2'); process.exit(3)"]
    artifact: public
`,
  });
  mkdirSync(path.join(folder, "public"));
  writeFileSync(path.join(folder, "public", "index.html"), "<p>hello</p>");
  const [stack = ""] = await register(api, "untested", folder);
  const { body } = await deploy(stack, { operation: "update" });
  expect(body).toMatchObject({ status: "failed", release: null });
  expect(body.failure).toMatchObject({ code: "test_failed" });
  expect(JSON.stringify(body.failure)).toContain("assertion failed: 1 is not 2");
  const states = (body.steps as AnswerBody[]).map(({ name, state }) => `${name} ${state}`);
  expect(states.slice(2)).toEqual([
    "test failed",
    "gates-before skipped",
    "preview skipped",
    "policy skipped",
    "seal skipped",
    "approval skipped",
    "update skipped",
    "ship skipped",
    "gates-after skipped",
    "release skipped",
  ]);
  expect(existsSync(path.join(api.dataDir, "failures")), "the failed attempt's folder is kept").toBe(true);
});

test("H3: the answer to a request comes at once, and the deployment goes on when the caller is gone", async () => {
  const ledger = path.join(api.root, "detached.txt");
  const folder = writeLedgerProject(path.join(api.root, "detached"), "detached", {
    version: "v1",
    ledger,
    delayMs: 1500,
  });
  const [stack = ""] = await register(api, "detached", folder);
  const askedAt = performance.now();
  const accepted = await api.ask("POST", `${stack}/deployments`, { body: { operation: "update" } });
  expect(accepted.status).toBe(202);
  expect(performance.now() - askedAt).toBeLessThan(1_000);
  const ended = await api.ask("GET", `/v1/deployments/${accepted.body.id}?wait=60`);
  expect(ended.body).toMatchObject({ status: "succeeded", release: 1 });
});

test("H2: two updates of one stack queue up and run one after the other", async () => {
  const ledger = path.join(api.root, "queued.txt");
  const folder = writeLedgerProject(path.join(api.root, "queued"), "queued", {
    version: "v1",
    ledger,
    delayMs: 500,
  });
  const [stack = ""] = await register(api, "queued", folder);
  const first = await api.ask("POST", `${stack}/deployments`, { body: { operation: "update" } });
  writeLedgerProject(folder, "queued", { version: "v2", ledger, delayMs: 500 });
  const second = await api.ask("POST", `${stack}/deployments?wait=60`, { body: { operation: "update" } });
  expect((await api.ask("GET", `/v1/deployments/${first.body.id}`)).body.status).toBe("succeeded");
  expect(second.body).toMatchObject({ status: "succeeded", release: 2 });
  expect(linesOf(ledger)).toEqual([
    "started create v1",
    "finished create v1",
    "started update v2",
    "finished update v2",
  ]);
});

test("H8: ten stacks started together all succeed, and H10: their events are never mixed", async () => {
  const ledger = path.join(api.root, "ten.txt");
  const names = Array.from({ length: 10 }, (_, index) => `s${index}`);
  const folder = writeLedgerProject(path.join(api.root, "ten"), "ten", {
    version: "v1",
    ledger,
    more: 'console.log("from " + pulumi.getStack());',
  });
  const stacks = await register(api, "ten", folder, names);
  const asked = await Promise.all(
    stacks.map((stack) =>
      api.ask("POST", `${stack}/deployments`, {
        body: { operation: "update", options: { skipPreview: true } },
      }),
    ),
  );
  for (const [index, { body }] of asked.entries()) {
    const ended = await eventually(`stack ${index} ended`, 120_000, async () => {
      const { body: now } = await api.ask("GET", `/v1/deployments/${body.id}?wait=30`);
      return now.status !== "queued" && now.status !== "running" ? now : undefined;
    });
    expect(ended).toMatchObject({ status: "succeeded", release: 1 });
    const said = (await eventsOf(body.id))
      .map((event) => JSON.stringify(event.body))
      .filter((text) => text.includes("from s"));
    expect(said.length).toBeGreaterThan(0);
    for (const text of said) expect(text).toContain(`from s${index}`);
  }
});

test("H9: a program that fails ends its deployment at once with the reason", async () => {
  const folder = writeProject(path.join(api.root, "throws"), "throws", {
    "index.js": 'throw new Error("the database name is missing");\n',
  });
  const [stack = ""] = await register(api, "throws", folder);
  const startedAt = performance.now();
  const { body } = await deploy(stack, { operation: "update" });
  expect(performance.now() - startedAt).toBeLessThan(60_000);
  expect(body).toMatchObject({ status: "failed", release: null });
  expect(body.failure).toMatchObject({ code: "preview_failed" });
  expect(JSON.stringify(body.failure)).toContain("the database name is missing");
});

test("a cancel interrupts the update once, and the stack is free again", async () => {
  const ledger = path.join(api.root, "cancel.txt");
  const folder = writeLedgerProject(path.join(api.root, "cancel"), "cancel", {
    version: "v1",
    ledger,
    texts: ["a"],
    delayMs: 4_000,
  });
  const [stack = ""] = await register(api, "cancel", folder);
  const { body } = await api.ask("POST", `${stack}/deployments`, { body: { operation: "update" } });
  await eventually("the resource was begun", 30_000, () => linesOf(ledger).length > 0);
  expect((await api.ask("POST", `/v1/deployments/${body.id}/cancel`)).status).toBe(202);
  const ended = await api.ask("GET", `/v1/deployments/${body.id}?wait=60`);
  expect(ended.body).toMatchObject({ status: "cancelled", release: null, failure: { code: "cancelled" } });
  expect(JSON.stringify(ended.body.failure)).toMatch(/Resource operations: \d done/);
  writeLedgerProject(folder, "cancel", { version: "v1", ledger, texts: ["a"] });
  expect((await deploy(stack, { operation: "update" })).body).toMatchObject({
    status: "succeeded",
    release: 1,
  });
});

test("an http gate asks the address in an output, and its evidence is stored", async () => {
  let status = 200;
  const server = createServer((_request, response) =>
    response.writeHead(status, { "content-type": "application/json" }).end('{"status":"ready","more":1}'),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => new Promise((resolve) => server.close(() => resolve())));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const files = {
    "index.js": `export const url = "http://127.0.0.1:${port}";\n`,
    "slipway.yaml": `gates:
  - name: ready
    phase: after
    http: { output: url, path: /health, expectJson: { status: ready } }
    interval: { intervalSeconds: 0.1 }
`,
  };
  const folder = writeProject(path.join(api.root, "gated"), "gated", files);
  const [stack = ""] = await register(api, "gated", folder);
  const good = await deploy(stack, { operation: "update" });
  expect(good.body).toMatchObject({ status: "succeeded", gates: [{ name: "ready", verdict: "pass" }] });
  status = 503;
  const before = writeProject(folder, "gated", {
    ...files,
    "slipway.yaml": `gates:\n  - name: up\n    phase: before\n    http: { url: "http://127.0.0.1:${port}/" }\n    interval: { intervalSeconds: 0.1 }\n`,
  });
  expect(before).toBe(folder);
  const refused = await deploy(stack, { operation: "update" });
  expect(refused.body).toMatchObject({ status: "failed", release: null, failure: { code: "gate_failed" } });
  expect(JSON.stringify(refused.body.failure)).toContain("answered 503, expected 200");
  const rows = await api.db.selectFrom("gate_results").selectAll().where("name", "=", "up").execute();
  expect(rows[0]?.measurements).toHaveLength(3);
});

/** What the token of an attempt's engine begins with. */
const TOKEN_PREFIX = "slp_attempt_";

test("a secret of the config is in no event, log, audit entry, artifact or folder that is left", async () => {
  const folder = writeProject(path.join(api.root, "secret"), "secret", {
    "index.js": `import pulumi from "@pulumi/pulumi";
const config = new pulumi.Config();
console.log("token " + process.env.PULUMI_ACCESS_TOKEN);
console.log("coded " + Buffer.from(process.env.PULUMI_ACCESS_TOKEN).toString("base64"));
config.requireSecret("password").apply((value) => {
  console.log("clear " + value);
  console.error("base64 " + Buffer.from(value).toString("base64"));
  if (config.getBoolean("fails") === true) throw new Error("cannot use " + value);
});
export const hidden = config.requireSecret("password");
`,
  });
  const [stack = ""] = await register(api, "secret", folder);
  await api.ask("PUT", `${stack}/config/password`, { body: { value: CANARY, secret: true } });
  const good = await deploy(stack, { operation: "update" });
  expect(good.body, worker.output()).toMatchObject({ status: "succeeded" });
  expect((await api.ask("GET", `${stack}/releases/1`)).body.outputs).toEqual({ hidden: { secret: true } });
  await api.ask("PUT", `${stack}/config/fails`, { body: { value: "true" } });
  const bad = await deploy(stack, { operation: "update" });
  expect(bad.body.status).toBe("failed");
  const said = JSON.stringify(await eventsOf(bad.body.id));
  expect(said).toContain("clear [secret]");
  // In clear the CLI takes it out itself.
  expect(said).toMatch(/token \[(credential|secret)\]/);
  expect(said).toContain("coded [secret]");

  const tables = [
    "deployments",
    "deployment_events",
    "deployment_steps",
    "audit_entries",
    "releases",
    "stack_config",
    "updates",
  ] as const;
  for (const table of tables) {
    const rows = JSON.stringify(await api.db.selectFrom(table).selectAll().execute());
    for (const form of [CANARY, Buffer.from(CANARY).toString("base64"), TOKEN_PREFIX])
      expect(rows, table).not.toContain(form);
  }
  for (const text of [CANARY, TOKEN_PREFIX]) {
    expect(worker.output() + api.log()).not.toContain(text);
    expect(filesWith(api.dataDir, text)).toEqual([]);
  }
});

function filesWith(folder: string, text: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const full = path.join(folder, entry.name);
    if (entry.isDirectory()) return filesWith(full, text);
    return entry.isFile() && statSync(full).size < 50_000_000 && readFileSync(full).includes(text)
      ? [full]
      : [];
  });
}
