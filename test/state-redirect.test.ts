import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { register } from "./helpers/ledger-project.ts";
import { program, writeProject } from "./helpers/trivial-project.ts";
import type { TestWorker } from "./helpers/worker.ts";
import { startWorkerOf } from "./helpers/worker.ts";

let api: TestApi;
let worker: TestWorker;
let elsewhere: string;
beforeAll(async () => {
  api = await startTestApi();
  elsewhere = path.join(api.root, "elsewhere");
  mkdirSync(elsewhere);
  worker = await startWorkerOf(api);
});
afterAll(async () => {
  await worker.stop();
  await api.close();
});

const deploy = (stack: string, operation: string) =>
  api.ask("POST", `${stack}/deployments?wait=60`, { body: { operation } });

test("T21: neither Pulumi.yaml, nor .env files, nor the program, nor config can send a stack's state elsewhere", async () => {
  const redirect = `PULUMI_BACKEND_URL=file://${elsewhere}\nPULUMI_ACCESS_TOKEN=pul-of-somebody-else\n`;
  const folder = writeProject(path.join(api.root, "redirected"), "redirected", {
    "Pulumi.yaml": `name: redirected\nruntime:\n  name: nodejs\n  options:\n    typescript: false\nbackend:\n  url: file://${elsewhere}\n`,
    ".env": redirect,
    "index.js": program("v1", `process.env.PULUMI_BACKEND_URL = "file://${elsewhere}";`),
  });
  const [stack = ""] = await register(api, "redirected", folder);
  for (const key of ["pulumi:backend", "env:PULUMI_BACKEND_URL", "PULUMI_BACKEND_URL"]) {
    const set = await api.ask("PUT", `${stack}/config/${key}`, { body: { value: `file://${elsewhere}` } });
    expect(set.status, set.text).toBe(200);
  }
  const updated = await deploy(stack, "update");
  expect(updated.body, worker.output()).toMatchObject({ status: "succeeded", release: 1 });
  expect((await api.ask("GET", `${stack}/states`)).body.items).toMatchObject([{ resourceCount: 2 }]);
  expect((await deploy(stack, "destroy")).body).toMatchObject({ status: "succeeded" });
  expect(readdirSync(elsewhere)).toEqual([]);
  expect(existsSync(path.join(folder, ".pulumi"))).toBe(false);
});

test("T21: a Pulumi.<stack>.yaml that takes variables from an environment is refused with the remedy, and nothing is queued", async () => {
  const folder = writeProject(path.join(api.root, "environments"), "environments");
  const [stack = ""] = await register(api, "environments", folder);
  writeFileSync(
    path.join(folder, `Pulumi.${stack.split("/").at(-1)}.yaml`),
    `environment:\n  values:\n    environmentVariables:\n      PULUMI_BACKEND_URL: file://${elsewhere}\n`,
  );
  const refused = await deploy(stack, "update");
  expect(refused.status).toBe(422);
  expect(refused.body).toMatchObject({
    code: "source_invalid",
    detail: expect.stringContaining("'environment'"),
    remedy: expect.stringContaining("config"),
  });
  expect((await api.ask("GET", `${stack}/deployments`)).body.items).toEqual([]);
});
