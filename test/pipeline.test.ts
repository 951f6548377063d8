import { readdir } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { program, writeProject } from "./helpers/trivial-project.ts";
import type { TestWorker } from "./helpers/worker.ts";
import { seedDependencies, startWorker } from "./helpers/worker.ts";

let api: TestApi;
let worker: TestWorker;
beforeAll(async () => {
  api = await startTestApi();
  worker = await startWorker(api);
});
afterAll(async () => {
  const code = await worker.stop();
  await api.close();
  expect(code, worker.output()).toBe(0);
});

async function makeStack(name: string, files: Record<string, string> = {}, stack = "test"): Promise<{ stack: string; folder: string }> {
  const folder = writeProject(path.join(api.root, name), name, files);
  seedDependencies(api.dataDir, folder);
  await api.ask("POST", "/v1/projects", { body: { name, folder } });
  await api.ask("POST", "/v1/stacks", { body: { project: name, name: stack } });
  return { stack: `/v1/stacks/default/${name}/${stack}`, folder };
}

async function deploy(stack: string, body: Record<string, unknown>): ReturnType<TestApi["ask"]> {
  return api.ask("POST", `${stack}/deployments?wait=60`, { body });
}

test("an update becomes a good release with its outputs", async () => {
  const { stack } = await makeStack("plain");
  const answer = await deploy(stack, { operation: "update", message: "first" });
  expect(answer.body, worker.output()).toMatchObject({ status: "succeeded", release: 1, failure: null, attempts: 1 });
  const release = await api.ask("GET", `${stack}/releases/1`);
  expect(release.body).toMatchObject({ health: "good", outputs: { version: "v1" }, message: "first" });
  expect(await readdir(path.join(api.dataDir, "attempts", worker.workerId))).toHaveLength(1);
});
