import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { bearer, insertDeployment, insertStack, tokenOf } from "../../../test/helpers/access.ts";
import type { TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import { putWaiting } from "../../../test/helpers/approvals.ts";
import { withTransaction } from "../database.ts";
import { presentFacts } from "../seals/stale.ts";
import { readBaselines, recordBaselines, recordGate } from "./store.ts";

let api: TestApi;
let stack: string;
let stackId: string;
let deploymentId: string;
let count = 0;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());
beforeEach(async () => {
  count += 1;
  const names = { organisation: "acme", project: `shop${count}`, stack: "test" };
  ({ stackId } = await insertStack(api.db, names));
  deploymentId = await insertDeployment(api.db, stackId);
  stack = `/v1/stacks/acme/${names.project}/test`;
});

const GATE = { name: "sound", phase: "before", command: ["true"] };
const put = (body: unknown, name = "sound", headers: Record<string, string> = {}) =>
  api.ask("PUT", `${stack}/required-gates/before/${name}`, { body, headers });
const required = async () => (await api.ask("GET", `${stack}/required-gates`)).body;

test("each change of the required gates counts one version and is audited; the same gate again changes nothing", async () => {
  expect(await required()).toEqual({ version: 0, items: [] });
  const set = await put(GATE);
  expect(set.body, set.text).toMatchObject({ gate: { ...GATE, required: true }, setBy: "owner" });
  await put(GATE);
  expect((await required()).version).toBe(1);
  await put({ ...GATE, command: ["false"] });
  expect(await required()).toMatchObject({ version: 2, items: [{ gate: { command: ["false"] } }] });
  expect((await api.ask("DELETE", `${stack}/required-gates/before/sound`)).status).toBe(204);
  expect(await required()).toEqual({ version: 3, items: [] });
  const { items } = (await api.ask("GET", "/v1/audit?limit=200")).body;
  const ours = items.filter(({ subject }) => subject === `acme/shop${count}/test`);
  expect(ours.map(({ action }) => action)).toEqual([
    "gate.required_no_more",
    "gate.required",
    "gate.required",
  ]);
});

test("two changes at once get two versions", async () => {
  const names = ["a", "b", "c", "d", "e"];
  const answers = await Promise.all(names.map((name) => put({ ...GATE, name }, name)));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  const { version, items } = await required();
  expect([version, items.length]).toEqual([5, 5]);
});

test("a gate that could never be measured is refused, and so is one under another's address", async () => {
  const wrong = await put({ ...GATE, command: undefined, http: { url: "http://x/{{ nonsense }}" } });
  expect([wrong.status, wrong.body.code]).toEqual([422, "invalid_request"]);
  expect(JSON.stringify(wrong.body.issues)).toContain("unknown template");
  expect((await put({ ...GATE, kommand: ["x"] })).status).toBe(422);
  const other = await put(GATE, "other");
  expect(other.body.issues).toEqual([{ path: "body.name", message: "must be 'other', as the address says" }]);
  expect(await required()).toEqual({ version: 0, items: [] });
});

test("a deployer may see what is required and change nothing of it; taking away what is not there is a 404", async () => {
  const headers = bearer(await tokenOf(api, `dan${count}`, { acme: "deployer" }));
  expect((await put(GATE, "sound", headers)).status).toBe(403);
  expect((await api.ask("GET", `${stack}/required-gates`, { headers })).status).toBe(200);
  await put(GATE);
  expect((await api.ask("DELETE", `${stack}/required-gates/before/sound`, { headers })).status).toBe(403);
  expect((await api.ask("DELETE", `${stack}/required-gates/after/sound`)).status).toBe(404);
  expect(
    (await api.ask("PUT", "/v1/stacks/acme/nowhere/test/required-gates/before/sound", { body: GATE })).status,
  ).toBe(404);
});

test("what waits for votes becomes stale at once: people were asked about a change with other gates", async () => {
  const waiting = await putWaiting(api.db, stackId);
  const items = {
    operation: "update",
    options: { refresh: false },
    source: null,
    lockfile: null,
    config: "sha256:config",
    cli: "3.250.0",
    plugins: [],
    artifacts: [],
    plan: "sha256:plan",
    ...(await presentFacts(api.db, api.dependencies.keyring, stackId)),
  };
  await api.db
    .insertInto("seals")
    .values({
      deployment_id: waiting,
      stack_id: stackId,
      attempt: 1,
      digest: "sha256:one",
      items: JSON.stringify(items),
      body: Buffer.from("sealed"),
    })
    .execute();
  await put({ ...GATE, kommand: ["x"] });
  expect((await api.ask("GET", `/v1/deployments/${waiting}`)).body.status).toBe("waiting_approval");
  expect((await put(GATE)).status).toBe(200);
  expect((await api.ask("GET", `/v1/deployments/${waiting}`)).body).toMatchObject({ status: "stale" });
});

const MEASUREMENT = {
  at: "2026-01-01T00:00:00.000Z",
  afterSeconds: 1,
  verdict: "fail",
  detail: "\0 was seen",
  value: 9,
} as const;

async function holdStack(): Promise<{ stackId: string; attemptId: string; epoch: number }> {
  const attemptId = randomUUID();
  await api.db
    .insertInto("stack_writers")
    .values({
      stack_id: stackId,
      holder: attemptId,
      holder_kind: "attempt",
      epoch: 7,
      expires_at: new Date(Date.now() + 60_000),
    })
    .onConflict((conflict) =>
      conflict.column("stack_id").doUpdateSet({
        holder: attemptId,
        holder_kind: "attempt",
        epoch: 7,
        expires_at: new Date(Date.now() + 60_000),
      }),
    )
    .execute();
  return { stackId, attemptId, epoch: 7 };
}

test("a result keeps its measurements, thresholds and output, whatever a gate has seen", async () => {
  const fence = await holdStack();
  const record = {
    result: {
      name: "errors",
      phase: "after" as const,
      required: false,
      verdict: "fail" as const,
      detail: "9 \0 \ud800",
      measuredAt: MEASUREMENT.at,
      dryRun: true,
      unhealthyBefore: true,
    },
    evidence: {
      kind: "metric" as const,
      source: "stack" as const,
      baseline: MEASUREMENT,
      thresholds: [{ means: "fail" as const, operator: ">" as const, value: 5 }],
      unit: null,
      timing: "once",
      measured: 12,
    },
    measurements: [MEASUREMENT],
    output: "printed \0",
  };
  expect(await recordGate(api.db, fence, deploymentId, record)).toBe(true);
  expect(await recordGate(api.db, { ...fence, epoch: 6 }, deploymentId, record)).toBe(false);
  const { body, status, text } = await api.ask("GET", `/v1/deployments/${deploymentId}/gates/after/errors`);
  expect(status, text).toBe(200);
  expect(body).toMatchObject({
    kind: "metric",
    source: "stack",
    dryRun: true,
    unhealthyBefore: true,
    thresholds: [{ means: "fail", operator: ">", value: 5 }],
    baseline: { value: 9 },
    measurements: [{ value: 9, afterSeconds: 1 }],
    measured: 12,
    output: "printed \ufffd",
  });
  expect((await api.ask("GET", `/v1/deployments/${deploymentId}`)).body.gates).toMatchObject([
    { name: "errors", dryRun: true, unhealthyBefore: true },
  ]);
  expect((await api.ask("GET", `/v1/deployments/${deploymentId}/gates/before/errors`)).status).toBe(404);
});

test("a result of an earlier program is shown with what it has", async () => {
  await api.db
    .insertInto("gate_results")
    .values({
      deployment_id: deploymentId,
      name: "old",
      phase: "after",
      required: true,
      verdict: "pass",
      detail: "fine",
      measurements: JSON.stringify([{ at: MEASUREMENT.at, verdict: "pass", detail: "fine" }]),
      measured_at: new Date(MEASUREMENT.at),
      output: null,
    })
    .execute();
  expect((await api.ask("GET", `/v1/deployments/${deploymentId}/gates/after/old`)).body).toMatchObject({
    kind: null,
    source: "project",
    thresholds: [],
    measured: 1,
    measurements: [{ value: null, afterSeconds: 0 }],
  });
});

test("what was seen before an update is that of the last attempt", async () => {
  const measurement = { ...MEASUREMENT, detail: "no" };
  await withTransaction(api.db, (trx) =>
    recordBaselines(
      trx,
      deploymentId,
      new Map([
        ["a", measurement],
        ["b", measurement],
      ]),
    ),
  );
  await withTransaction(api.db, (trx) => recordBaselines(trx, deploymentId, new Map([["b", measurement]])));
  expect([...(await readBaselines(api.db, deploymentId))]).toEqual([["b", measurement]]);
});
