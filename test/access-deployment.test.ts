import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { register } from "./helpers/ledger-project.ts";
import { writeProject } from "./helpers/trivial-project.ts";
import type { TestWorker } from "./helpers/worker.ts";
import { startWorkerOf } from "./helpers/worker.ts";

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

const deploy = (stack: string, operation: "preview" | "update") =>
  api.ask("POST", `${stack}/deployments?wait=60`, { body: { operation } });

/** Sends what its engine's token must not be good for, with the token that it finds in its environment, and writes the statuses down: a line a run. */
const nosyProgram = (file: string) => `import { appendFileSync } from "node:fs";
import pulumi from "@pulumi/pulumi";
const ask = async (method, path, body) => {
  const headers = { authorization: (path.startsWith("/api") ? "token " : "Bearer ") + process.env.PULUMI_ACCESS_TOKEN };
  if (body !== undefined) headers["content-type"] = "application/json";
  const answer = await fetch(process.env.PULUMI_BACKEND_URL.replace(/\\/$/, "") + path, { method, headers, body });
  return answer.status;
};
const own = "/api/stacks/default/nosy/test";
const statuses = {
  phase: pulumi.runtime.isDryRun() ? "preview" : "update",
  update: await ask("POST", own + "/update", '{"options":{}}'),
  remove: await ask("DELETE", own + "?force=true"),
  config: await ask("PUT", "/v1/stacks/default/nosy/test/config/nosy:a", '{"value":"1"}'),
  deployment: await ask("POST", "/v1/stacks/default/nosy/test/deployments", '{"operation":"destroy"}'),
  token: await ask("POST", "/v1/tokens", '{"name":"kept"}'),
  other: await ask("GET", "/api/stacks/default/quiet/test/export"),
  listed: await ask("GET", "/v1/stacks"),
};
appendFileSync(${JSON.stringify(file)}, JSON.stringify({ ...statuses, token_: process.env.PULUMI_ACCESS_TOKEN }) + "\\n");
export const version = 1;
`;

test("T19: in a deployment the program's own token previews and updates its stack, and does nothing else; it dies with the attempt", async () => {
  const file = path.join(api.root, "statuses");
  const [quiet = ""] = await register(api, "quiet", writeProject(path.join(api.root, "quiet"), "quiet"));
  expect((await deploy(quiet, "update")).body).toMatchObject({ status: "succeeded" });
  const folder = writeProject(path.join(api.root, "nosy"), "nosy", { "index.js": nosyProgram(file) });
  const [nosy = ""] = await register(api, "nosy", folder);
  for (const operation of ["preview", "update"] as const)
    expect((await deploy(nosy, operation)).body, worker.output()).toMatchObject({ status: "succeeded" });

  const runs = readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const refused = { remove: 403, config: 403, deployment: 403, token: 403, other: 404, listed: 200 };
  // The preview of an update deployment has a token of its own, as little able as that of a preview.
  expect(runs).toMatchObject([
    { phase: "preview", update: 403, ...refused },
    { phase: "preview", update: 403, ...refused },
    { phase: "update", ...refused },
  ]);
  expect(new Set(runs.map((run) => run.token_)).size).toBe(runs.length);
  for (const { token_ } of runs) {
    const answer = await api.ask("GET", "/v1/whoami", {
      headers: { authorization: `Bearer ${String(token_)}` },
    });
    expect(answer.status).toBe(401);
    expect(api.log() + worker.output()).not.toContain(String(token_));
  }
  expect((await api.ask("GET", nosy)).status).toBe(200);
  expect((await api.ask("GET", `${nosy}/config`)).body.items).toEqual([]);
});

test("a deployment reads another stack's outputs once that stack allows it, and its owner sees that it did", async () => {
  const base = writeProject(path.join(api.root, "network"), "network", {
    "index.js": 'export const address = "10.0.0.1";\n',
  });
  const reading = writeProject(path.join(api.root, "shop"), "shop", {
    "index.js": `import pulumi from "@pulumi/pulumi";
export const address = new pulumi.StackReference("default/network/test").requireOutput("address");
`,
  });
  const [network = ""] = await register(api, "network", base);
  const [shop = ""] = await register(api, "shop", reading);
  expect((await deploy(network, "update")).body).toMatchObject({ status: "succeeded" });
  const refused = await deploy(shop, "update");
  expect(refused.body.status).toBe("failed");
  expect(refused.text).toContain("unknown stack");
  expect((await api.ask("PUT", `${network}/readers/shop/test`)).status).toBe(200);
  expect((await deploy(shop, "update")).body, worker.output()).toMatchObject({ status: "succeeded" });
  expect((await api.ask("GET", `${shop}/outputs`)).body.outputs).toEqual({ address: "10.0.0.1" });
  const { reads } = (await api.ask("GET", `${network}/readers`)).body;
  expect(reads).toMatchObject([{ reader: { project: "shop", stack: "test" }, principal: "attempt" }]);
});
