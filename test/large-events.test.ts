import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AnswerBody, TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { register, writeLedgerProject } from "./helpers/ledger-project.ts";
import { eventually } from "./helpers/waiting.ts";
import type { TestWorker } from "./helpers/worker.ts";
import { startWorkerOf } from "./helpers/worker.ts";

const ENDED_MS = 170_000;
const MEGABYTE = 1_000_000;
/** 100 MB in messages of 1 MB. */
const MESSAGES = 100;

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

test("H15: 100 MB of messages and one property of 16 MB are delivered or cut with a mark, and the deployment succeeds", async () => {
  const folder = writeLedgerProject(path.join(api.root, "large"), "large", {
    version: "v1",
    ledger: path.join(api.root, "large.txt"),
    more: `
const large = "x".repeat(16 * 1024 * 1024);
class Large extends pulumi.ComponentResource {
  constructor(name) { super("large:index:Large", name, { large }); this.registerOutputs({ large }); }
}
new Large("large");
if (!pulumi.runtime.isDryRun()) {
  for (let index = 0; index < ${MESSAGES}; index += 1) pulumi.log.info(index + " " + "m".repeat(${MEGABYTE}));
}
`,
  });
  const [stack = ""] = await register(api, "large", folder);
  const body = { operation: "update", options: { skipPreview: true } };
  const { id } = (await api.ask("POST", `${stack}/deployments`, { body })).body;
  const done = await eventually("the deployment ended", ENDED_MS, async () => {
    const { body: now } = await api.ask("GET", `/v1/deployments/${id}?wait=20`);
    return now.finishedAt === null ? undefined : now;
  });
  expect(done, `${JSON.stringify(done.failure)}\n${worker.output().slice(-4000)}`).toMatchObject({
    status: "succeeded",
    attempts: 1,
  });
  const { body: events } = await api.ask("GET", `/v1/deployments/${id}/events?limit=5000`);
  const messages = events.items.flatMap(({ body: event }) => {
    const { type, message } = event as AnswerBody;
    return type === "diagnostic" && /^\d+ m/.test(String(message)) ? [String(message)] : [];
  });
  expect(messages.map((message) => Number.parseInt(message, 10))).toEqual(
    Array.from({ length: MESSAGES }, (_, index) => index),
  );
  for (const message of messages) {
    expect(message.length).toBeLessThan(20_000);
    expect(message).toMatch(/\[\d+ more characters\]$/);
  }
  const numbers = events.items.map(({ sequence }) => sequence);
  expect(numbers).toEqual(numbers.map((_, index) => index + 1));
});
