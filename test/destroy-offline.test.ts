import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AnswerBody, TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { register, writeLedgerProject } from "./helpers/ledger-project.ts";
import { eventually } from "./helpers/waiting.ts";
import type { TestWorker } from "./helpers/worker.ts";
import { startWorkerOf } from "./helpers/worker.ts";

const ENDED_MS = 120_000;

let api: TestApi;
let worker: TestWorker;
beforeAll(async () => {
  api = await startTestApi();
  // No registry answers there.
  worker = await startWorkerOf(api, { env: { npm_config_registry: "http://127.0.0.1:1/" } });
});
afterAll(async () => {
  await worker.stop();
  await api.close();
});

async function deploy(stack: string, operation: string): Promise<AnswerBody> {
  const asked = await api.ask("POST", `${stack}/deployments`, { body: { operation } });
  expect(asked.status, asked.text).toBe(202);
  return eventually(`${operation} ended`, ENDED_MS, async () => {
    const { body } = await api.ask("GET", `/v1/deployments/${asked.body.id}?wait=10`);
    return body.finishedAt === null ? undefined : body;
  });
}

test("H12: a destroy works from the state with the project's folder, its dependencies and their registry gone; one that fails keeps the record", async () => {
  const ledger = path.join(api.root, "gone.txt");
  const folder = path.join(api.root, "gone");
  const lines = (): string[] => (existsSync(ledger) ? readFileSync(ledger, "utf8").trim().split("\n") : []);
  writeLedgerProject(folder, "gone", { version: "v1", ledger });
  const [stack = ""] = await register(api, "gone", folder);
  expect(await deploy(stack, "update")).toMatchObject({ status: "succeeded", release: 1 });
  rmSync(folder, { recursive: true });
  const store = path.join(api.dataDir, "dependencies");
  for (const name of readdirSync(store)) rmSync(path.join(store, name), { recursive: true });

  // The provider refuses as long as its ledger is a folder.
  const kept = readFileSync(ledger, "utf8");
  rmSync(ledger);
  const blocked = path.join(ledger, "in-the-way");
  mkdirSync(blocked, { recursive: true });
  const failed = await deploy(stack, "destroy");
  expect(failed).toMatchObject({ status: "failed", failure: { code: "destroy_failed" } });
  const { body: still } = await api.ask("GET", `${stack}/resources`);
  expect(still.items.map(({ name }) => name)).toContain("one");
  expect((await api.ask("DELETE", stack)).status, "a stack with resources stays").toBe(409);

  rmSync(ledger, { recursive: true });
  writeFileSync(ledger, kept);
  expect(await deploy(stack, "destroy"), worker.output()).toMatchObject({ status: "succeeded" });
  expect(lines().slice(-2)).toEqual(["started delete v1", "finished delete v1"]);
  expect((await api.ask("GET", `${stack}/resources`)).body.items).toEqual([]);
  expect(readdirSync(store), "nothing was installed for it").toEqual([]);
});
