import { rmSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AnswerBody, TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { endedWithin } from "./helpers/deployments.ts";
import { linesOf, register, writeLedgerProject } from "./helpers/ledger-project.ts";
import type { TestWorker } from "./helpers/worker.ts";
import { startWorkerOf } from "./helpers/worker.ts";

const ENDS_WITHIN_MS = 90_000;
/** Nobody listens there: whatever needs a registry fails. */
const NO_REGISTRY = "http://127.0.0.1:9/";

/** Every build is another one, so that a promotion which builds anew is seen by its artifact. */
const BUILD = `import { mkdirSync, writeFileSync } from "node:fs";
import { randomUUID } from "node:crypto";
mkdirSync("dist", { recursive: true });
writeFileSync("dist/server.js", randomUUID());
`;
const MORE = `import { readFileSync } from "node:fs";
export const built = JSON.parse(readFileSync(process.env.SLIPWAY_ARTIFACTS, "utf8")).web;
export const size = new pulumi.Config().get("size") ?? "none";
`;
const SLIPWAY = `services:
  web:
    path: .
    build: [node, build.mjs]
    test: [node, --version]
    artifact: dist
gates: []
`;

let api: TestApi;
let worker: TestWorker;
beforeAll(async () => {
  api = await startTestApi();
  worker = await startWorkerOf(api, {
    env: { npm_config_registry: NO_REGISTRY, npm_config_cache: path.join(api.root, "npm-cache") },
  });
});
afterAll(async () => {
  const code = await worker.stop();
  await api.close();
  expect(code, worker.output()).toBe(0);
});

interface Project {
  name: string;
  folder: string;
  ledger: string;
  /** Addresses of its stacks local and test. */
  local: string;
  target: string;
}

async function makeProject(name: string): Promise<Project> {
  const folder = path.join(api.root, name);
  const ledger = path.join(api.root, `${name}.txt`);
  writeLedgerProject(folder, name, {
    version: "v1",
    ledger,
    more: MORE,
    slipwayYaml: SLIPWAY,
    files: {
      "build.mjs": BUILD,
      "Pulumi.local.yaml": `config:\n  ${name}:size: small\n`,
      "Pulumi.test.yaml": `config:\n  ${name}:size: large\n`,
    },
  });
  const [local = "", target = ""] = await register(api, name, folder, ["local", "test"]);
  return { name, folder, ledger, local, target };
}

async function request(stack: string, more: Record<string, unknown> = {}): Promise<AnswerBody> {
  const answer = await api.ask("POST", `${stack}/deployments`, { body: { operation: "update", ...more } });
  expect(answer.status, answer.text).toBe(202);
  return answer.body;
}

async function deploy(stack: string, more: Record<string, unknown> = {}): Promise<AnswerBody> {
  return endedWithin(api, (await request(stack, more)).id, ENDS_WITHIN_MS);
}

async function release(stack: string, number = 1): Promise<AnswerBody> {
  return (await api.ask("GET", `${stack}/releases/${number}`)).body;
}

const stepsOf = (deployment: AnswerBody): Record<string, { state: string; detail: string | null }> =>
  Object.fromEntries(
    (deployment.steps as { name: string; state: string; detail: string | null }[]).map(
      ({ name, state, detail }) => [name, { state, detail }],
    ),
  );

test("a promotion deploys the very artifacts of a good release with its own config, without the folder and any registry", async () => {
  const { local, target, name, folder, ledger } = await makeProject("promoted");
  expect(await deploy(local), worker.output()).toMatchObject({ status: "succeeded", release: 1 });
  const built = await release(local);
  rmSync(folder, { recursive: true });

  const promoted = await deploy(target, { promote: { stack: "local" } });
  expect(promoted, worker.output()).toMatchObject({
    status: "succeeded",
    release: 1,
    promotedFrom: { stack: "local", release: 1 },
    sourceDigest: built.sourceDigest,
  });
  expect(stepsOf(promoted)).toMatchObject({
    build: { state: "skipped", detail: "takes what was built for release 1 of local" },
    test: { state: "skipped", detail: "passed for release 1 of local" },
    update: { state: "succeeded" },
  });
  const made = await release(target);
  expect(made).toMatchObject({ health: "good", promotedFrom: { stack: "local", release: 1 } });
  expect(made.artifacts).toEqual(built.artifacts);
  expect(made.lockfileDigest).toBe(built.lockfileDigest);
  expect(made.configDigest).not.toBe(built.configDigest);
  expect(made.outputs).toMatchObject({ version: "v1", size: "large" });
  expect((built.outputs as { size: string }).size).toBe("small");
  expect(linesOf(ledger)).toHaveLength(4);

  // What it takes to go back to it is pinned too.
  const back = await deploy(target, { operation: "rollback", release: 1 });
  expect(back, worker.output()).toMatchObject({ status: "succeeded", release: 2 });
  expect((await release(target, 2)).artifacts).toEqual(built.artifacts);
  expect((await api.ask("GET", `/v1/projects/default/${name}/environments`)).body.stacks).toEqual([]);
});

test("a release that is quarantined after it was promoted and before a worker begins is not deployed", async () => {
  const { local, target, ledger } = await makeProject("overtaken");
  expect(await deploy(local), worker.output()).toMatchObject({ status: "succeeded" });
  const before = linesOf(ledger);
  expect((await api.ask("PUT", `${target}/pause`, { body: { reason: "not yet" } })).status).toBe(200);
  const waiting = await request(target, { promote: { stack: "local" } });
  const row = await api.db
    .selectFrom("releases")
    .innerJoin("deployments", "deployments.id", "releases.deployment_id")
    .select(["releases.stack_id", "releases.source_digest", "releases.config_digest"])
    .where("releases.source_digest", "=", String(waiting.sourceDigest))
    .executeTakeFirstOrThrow();
  await api.db
    .insertInto("quarantines")
    .values({ ...row, reason: "It burns." })
    .execute();
  expect((await api.ask("DELETE", `${target}/pause`)).status).toBeLessThan(300);
  const ended = await endedWithin(api, waiting.id, ENDS_WITHIN_MS);
  expect(ended, worker.output()).toMatchObject({ status: "failed", failure: { code: "quarantined" } });
  expect(linesOf(ledger)).toEqual(before);
});

test("how long steps took is kept, and one that goes beyond a budget which fails it changes nothing", async () => {
  const { local, ledger, name } = await makeProject("measured");
  expect(await deploy(local), worker.output()).toMatchObject({ status: "succeeded" });
  const before = linesOf(ledger);
  const budgets = [
    { step: "build", service: "web", mostSeconds: 0.001, fails: false },
    { step: "test", mostSeconds: 0.001, fails: true },
  ];
  const project = `/v1/projects/default/${name}`;
  expect((await api.ask("PUT", `${project}/budgets`, { body: { budgets } })).status).toBe(200);
  const slow = await deploy(local);
  expect(slow, worker.output()).toMatchObject({ status: "failed", failure: { code: "budget_exceeded" } });
  expect(stepsOf(slow).build?.detail).toMatch(/^build of web took [\d.]+ s; its budget is 0.001 s$/);
  expect(linesOf(ledger)).toEqual(before);
  const told = await api.db
    .selectFrom("notifications")
    .select("subject")
    .where("kind", "=", "budget.exceeded")
    .execute();
  expect(told).toEqual([{ subject: `default/${name}/local` }]);

  const { body } = await api.ask("GET", `${project}/figures`);
  const figures = body.steps as { step: string; service: string | null; runs: number; succeeded: number }[];
  expect(figures.map(({ step, service, runs, succeeded }) => [step, service, runs, succeeded])).toEqual([
    ["build", null, 2, 2],
    ["build", "web", 2, 2],
    ["test", null, 2, 2],
    ["test", "web", 2, 2],
    ["update", null, 1, 1],
  ]);
});
