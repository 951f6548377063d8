import type { Server } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AnswerBody, TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { endedWithin } from "./helpers/deployments.ts";
import type { LedgerProgram } from "./helpers/ledger-project.ts";
import { linesOf, register, writeLedgerProject } from "./helpers/ledger-project.ts";
import { eventually } from "./helpers/waiting.ts";
import type { TestWorker } from "./helpers/worker.ts";
import { startWorkerOf } from "./helpers/worker.ts";

let api: TestApi;
let worker: TestWorker;
/** The health of what runs: bad while the last that was deployed is, or while the test says so. */
let health: Server;
let healthUrl: string;
let isDown = false;
let ledger: string;
beforeAll(async () => {
  api = await startTestApi();
  ledger = path.join(api.root, "ledger.txt");
  health = createServer((_, response) => {
    const isBad = isDown || linesOf(ledger).at(-1)?.includes("bad") === true;
    response.writeHead(isBad ? 503 : 200).end("{}");
  });
  await new Promise<void>((resolve) => health.listen(0, "127.0.0.1", resolve));
  healthUrl = `http://127.0.0.1:${(health.address() as AddressInfo).port}/`;
  worker = await startWorkerOf(api);
});
afterAll(async () => {
  await worker.stop();
  await api.close();
  health.closeAllConnections();
  await new Promise((resolve) => health.close(resolve));
});

/** Says whom it runs as, and whether it can read the token of the owner; then it fails. */
const WHO_AM_I = `const fs = require("fs");
let token = "read";
try { fs.readFileSync(process.argv[1]); } catch (error) { token = error.code; }
fs.writeFileSync("report.txt", "written");
console.log("user", process.getuid(), "token", token, "source", fs.existsSync("index.js"));
console.log("not yet");
process.exit(4);`;

const folder = () => path.join(api.root, "gated");
const write = (program: Partial<LedgerProgram> & { version: string }) =>
  writeLedgerProject(folder(), "gated", { ledger, ...program });
const HEALTH = (more = "") => `gates:
  - name: health
    phase: after
    http: { url: "${healthUrl}", expectJson: {} }
    interval: { warmUpSeconds: 0, intervalSeconds: 0.2, bakeSeconds: 1 }
${more}`;
const CATEGORY = `  - name: quality
    phase: before
    category:
      require: 2/2
      checks:
        - { name: lint, command: [node, -e, "console.log('nothing to complain of')"] }
        - { name: unit, tests: { files: [unit.xml] } }
  - name: experiment
    phase: after
    dryRun: true
    command: [node, -e, "console.log('it says ' + process.env.SLIPWAY_OUTPUTS); process.exit(3)"]
`;

let stack: string;
async function request(): Promise<string> {
  const { status, body, text } = await api.ask("POST", `${stack}/deployments`, {
    body: { operation: "update" },
  });
  expect(status, text).toBe(202);
  return body.id;
}
const deploy = async (): Promise<AnswerBody> => endedWithin(api, await request(), 90_000);
const evidence = async (id: string, phase: string, name: string) =>
  (await api.ask("GET", `/v1/deployments/${id}/gates/${phase}/${name}`)).body;

test("a gate that the stack requires stops a source that has none, before anything is touched", async () => {
  write({ version: "v1", slipwayYaml: "gates: []\n" });
  [stack = ""] = await register(api, "gated", folder());
  const freeze = {
    name: "signed-off",
    phase: "before",
    command: ["node", "-e", WHO_AM_I, path.join(api.dataDir, "owner-token")],
  };
  const address = `${stack}/required-gates/before/signed-off`;
  const set = await api.ask("PUT", address, { body: freeze });
  expect(set.status, set.text).toBe(200);
  const refused = await deploy();
  expect(refused, worker.output()).toMatchObject({
    status: "failed",
    failure: { code: "gate_failed" },
    gates: [{ name: "signed-off", phase: "before", verdict: "fail", required: true }],
  });
  expect(linesOf(ledger)).toEqual([]);
  expect(await evidence(refused.id, "before", "signed-off")).toMatchObject({
    kind: "command",
    source: "stack",
    output: expect.stringContaining("not yet\n"),
    measurements: [{ verdict: "fail", value: 4 }],
  });
  // Its own user where the host lets it: no root, and no sight of what lies beside the source.
  const { output } = await evidence(refused.id, "before", "signed-off");
  if (process.getuid?.() === 0) expect(output).toContain("user 65534 token ENOENT source true");
  else console.log("skipped: only a worker that is root can give gates a user of their own");
  expect((await api.ask("GET", `${stack}/required-gates`)).body).toMatchObject({ version: 1 });
  expect((await api.ask("DELETE", address)).status).toBe(204);
  expect((await api.ask("GET", `${stack}/required-gates`)).body).toMatchObject({ version: 2, items: [] });
  const actions = (await api.ask("GET", "/v1/audit?limit=100")).body.items.map(({ action }) => action);
  expect(actions).toEqual(expect.arrayContaining(["gate.required", "gate.required_no_more"]));
});

test("categories pass by their count, a dry run decides nothing, and a bake passes only when it is over", async () => {
  const files = { "unit.xml": '<testsuite><testcase name="a"/><testcase name="b"/></testsuite>' };
  write({ version: "v1", slipwayYaml: HEALTH(CATEGORY), files });
  const good = await deploy();
  expect(good, worker.output()).toMatchObject({ status: "succeeded", release: 1 });
  expect(await evidence(good.id, "before", "quality")).toMatchObject({
    verdict: "pass",
    kind: "category",
    detail: "2/2 passed, 2 needed",
    thresholds: [{ means: "pass", operator: ">=", value: 2 }],
    output: expect.stringContaining("nothing to complain of"),
  });
  expect(await evidence(good.id, "after", "experiment")).toMatchObject({
    verdict: "fail",
    dryRun: true,
    required: false,
    output: 'it says {"version":"v1"}\n',
  });
  const baked = await evidence(good.id, "after", "health");
  const times = (baked.measurements as { at: string; afterSeconds: number }[]).map(
    ({ afterSeconds }) => afterSeconds,
  );
  expect(times.length).toBeGreaterThanOrEqual(3);
  expect(baked).toMatchObject({ verdict: "pass", baseline: null, unit: "ms" });
  const step = (good.steps as { name: string; startedAt: string; finishedAt: string }[]).find(
    ({ name }) => name === "gates-after",
  );
  expect(Date.parse(step?.finishedAt ?? "") - Date.parse(step?.startedAt ?? "")).toBeGreaterThanOrEqual(1000);
});

test("what was healthy before and fails after is rolled back", async () => {
  write({ version: "v2-bad", slipwayYaml: HEALTH() });
  const bad = await deploy();
  expect(bad, worker.output()).toMatchObject({ status: "rolled_back", failure: { code: "gate_failed" } });
  expect(await evidence(bad.id, "after", "health")).toMatchObject({
    verdict: "fail",
    unhealthyBefore: false,
    baseline: { verdict: "pass" },
  });
});

test("what failed before the update and fails after it starts no rollback: going back would not help", async () => {
  isDown = true;
  write({ version: "v3", slipwayYaml: HEALTH() });
  const id = await request();
  const seen = await eventually("the gate has its verdict", 90_000, async () => {
    const gate = await evidence(id, "after", "health");
    return gate.verdict === undefined ? undefined : gate;
  });
  expect(seen, worker.output()).toMatchObject({
    verdict: "fail",
    unhealthyBefore: true,
    baseline: { verdict: "fail" },
  });
  expect(seen.detail).toContain("it failed before the update too");
  const step = await eventually("what follows from it is decided", 30_000, async () => {
    const { body } = await api.ask("GET", `/v1/deployments/${id}`);
    return (body.steps as { name: string; state: string }[]).find(
      ({ name, state }) => name === "gates-after" && state === "failed",
    );
  });
  expect(step).toBeDefined();
  const { body: after } = await api.ask("GET", `/v1/deployments/${id}`);
  expect(after).toMatchObject({ rolledBackBy: null, gates: [{ unhealthyBefore: true, verdict: "fail" }] });
  expect(after.status).not.toBe("rolled_back");
  expect(linesOf(ledger).at(-1)).toContain("v3");
});
