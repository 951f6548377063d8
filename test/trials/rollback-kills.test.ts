import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AnswerBody, TestApi } from "../helpers/api.ts";
import { startTestApi } from "../helpers/api.ts";
import { endedWithin } from "../helpers/deployments.ts";
import { linesOf, register, writeLedgerProject } from "../helpers/ledger-project.ts";
import { eventually } from "../helpers/waiting.ts";
import type { TestWorker } from "../helpers/worker.ts";
import { startWorkerOf } from "../helpers/worker.ts";

const WITHIN_MS = 240_000;
const OPERATION_MS = 3_000;
/** It takes some seconds to say anything, so that a worker can be killed meanwhile. */
const SLOW_GATE = `gates:
  - name: not-bad
    phase: after
    command: [node, -e, "setTimeout(() => process.exit(JSON.parse(process.env.SLIPWAY_OUTPUTS).version.includes('bad') ? 1 : 0), 3000)"]
`;
const MUTE_GATE = "gates: [{ name: not-bad, phase: after, command: [no-such-program] }]\n";

let api: TestApi;
let worker: TestWorker;
beforeAll(async () => {
  api = await startTestApi();
  worker = await startWorkerOf(api);
});
afterAll(async () => {
  await worker.stop();
  await api.close();
});

/** A good release v1 and the deployment of v2, which was just asked for. */
async function begun(
  name: string,
  slipwayYaml: string,
): Promise<{ id: string; ledger: string; stack: string }> {
  const ledger = path.join(api.root, `${name}.txt`);
  const folder = path.join(api.root, name);
  const program = { ledger, delayMs: OPERATION_MS };
  writeLedgerProject(folder, name, { ...program, version: "v1" });
  const [stack = ""] = await register(api, name, folder);
  const ask = () => api.ask("POST", `${stack}/deployments`, { body: { operation: "update" } });
  expect(await ended((await ask()).body.id), worker.output()).toMatchObject({ status: "succeeded" });
  writeLedgerProject(folder, name, { ...program, version: "v2-bad", slipwayYaml });
  return { id: (await ask()).body.id, ledger, stack };
}

const ended = (id: string): Promise<AnswerBody> => endedWithin(api, id, WITHIN_MS);
const until = (id: string, state: string): Promise<AnswerBody> =>
  eventually(`deployment ${id} is ${state}`, WITHIN_MS, async () => {
    const { body } = await api.ask("GET", `/v1/deployments/${id}`);
    return body.verification === state ? body : undefined;
  });

async function killWorker(): Promise<void> {
  await worker.kill();
  worker = await startWorkerOf(api);
}

test("killed while updating: nobody knows how far it came, so that it is told, and neither run again nor undone", async () => {
  const { id, ledger } = await begun("updating", SLOW_GATE);
  await eventually("it is at work", WITHIN_MS, () => linesOf(ledger).includes("started update v2-bad"));
  await killWorker();
  expect(await ended(id)).toMatchObject({
    status: "interrupted",
    verification: "update_failed",
    rolledBackBy: null,
  });
  expect(linesOf(ledger).filter((line) => line === "started update v2-bad")).toHaveLength(1);
});

test("killed while verifying: another worker measures, and undoes it once", async () => {
  const { id, ledger } = await begun("verifying", SLOW_GATE);
  await until(id, "verifying");
  await killWorker();
  expect(await ended(id)).toMatchObject({ status: "rolled_back", verification: "rolled_back" });
  expect(linesOf(ledger).filter((line) => line.startsWith("finished"))).toEqual([
    "finished create v1",
    "finished update v2-bad",
    "finished update v1",
  ]);
});

test("killed while one is held: nothing is lost, for nobody had it", async () => {
  const { id } = await begun("held", MUTE_GATE);
  await until(id, "held");
  await killWorker();
  expect((await api.ask("GET", `/v1/deployments/${id}`)).body).toMatchObject({ verification: "held" });
  await api.ask("POST", `/v1/deployments/${id}/hold`, {
    body: { decision: "rollback", reason: "it is slow" },
  });
  expect(await ended(id)).toMatchObject({ status: "rolled_back", verification: "rolled_back" });
});

test("killed while rolling back: the rollback is tried once, and the stack is frozen until somebody has looked", async () => {
  const { id, ledger, stack } = await begun("rolling", SLOW_GATE);
  const rolling = await until(id, "rolling_back");
  await eventually("it is at work", WITHIN_MS, () => linesOf(ledger).includes("started update v1"));
  await killWorker();
  expect(await ended(String(rolling.rolledBackBy))).toMatchObject({ status: "interrupted" });
  expect(await ended(id)).toMatchObject({ status: "failed", verification: "rollback_failed" });
  expect(linesOf(ledger).filter((line) => line === "started update v1")).toHaveLength(1);
  const refused = await api.ask("POST", `${stack}/deployments`, { body: { operation: "update" } });
  expect(refused.body.code).toBe("rollback_failed");
});
