import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { WebhookReceiver } from "./doubles/webhook-receiver.ts";
import { startWebhookReceiver } from "./doubles/webhook-receiver.ts";
import type { AnswerBody, TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { register, writeLedgerProject } from "./helpers/ledger-project.ts";
import type { NotificationService } from "./helpers/notifications.ts";
import { LOOPBACK, startNotifications } from "./helpers/notifications.ts";
import { eventually } from "./helpers/waiting.ts";
import type { TestWorker } from "./helpers/worker.ts";
import { startWorkerOf } from "./helpers/worker.ts";

const PATIENCE_MS = 120_000;
const CANARY = "canary-9c41-of-a-config-secret";
const GATE = `gates:
  - name: not-bad
    phase: after
    command: [node, -e, "const { version } = JSON.parse(process.env.SLIPWAY_OUTPUTS); if (version.includes('bad')) process.exit(1);"]
`;

let api: TestApi;
let receiver: WebhookReceiver;
let notifications: NotificationService;
const workers = new Set<TestWorker>();
beforeAll(async () => {
  api = await startTestApi({ notificationSettings: { allowed: LOOPBACK, sendsEmail: false } });
  receiver = await startWebhookReceiver();
  const body = { type: "webhook", name: "ops", url: `http://127.0.0.1:${receiver.port}/` };
  await api.ask("POST", "/v1/organisations/default/notifications/destinations", { body });
  notifications = await startNotifications(api);
});
afterEach(async () => {
  for (const worker of workers) await worker.stop();
  workers.clear();
  receiver.received.length = 0;
});
afterAll(async () => {
  await notifications.stop();
  await receiver.close();
  await api.close();
});

async function start(): Promise<TestWorker> {
  const worker = await startWorkerOf(api);
  workers.add(worker);
  return worker;
}

interface Told {
  type: string;
  data: Record<"subject" | "what" | "who" | "why" | "nextAction" | "link" | "severity", string | null>;
}
const told = (): Told[] => receiver.received.map(({ body }) => JSON.parse(body.toString()) as Told);
const kinds = () => told().map(({ type }) => type);

async function run(
  stack: string,
  body: Record<string, unknown> = { operation: "update" },
): Promise<AnswerBody> {
  const { body: made } = await api.ask("POST", `${stack}/deployments`, { body });
  return eventually("the deployment ends", PATIENCE_MS, async () => {
    const { body: found } = await api.ask("GET", `/v1/deployments/${made.id}?wait=10`);
    return found.finishedAt === null ? undefined : found;
  });
}

test("the end of each deployment that changes something is told once; a preview is not told", async () => {
  await start();
  const ledger = path.join(api.root, "ends.txt");
  const write = (version: string) =>
    writeLedgerProject(path.join(api.root, "ends"), "ends", { version, ledger, slipwayYaml: GATE });
  const [stack = ""] = await register(api, "ends", write("v1"));
  await run(stack, { operation: "preview" });
  const first = await run(stack);
  expect(first.status).toBe("succeeded");
  write("bad");
  expect((await run(stack)).status).toBe("rolled_back");
  await eventually("all is told", PATIENCE_MS, () => receiver.received.length >= 3);
  expect(kinds().toSorted()).toEqual([
    "deployment.rolled_back",
    "deployment.rolling_back",
    "deployment.succeeded",
  ]);
  expect(told().find(({ type }) => type === "deployment.succeeded")?.data).toMatchObject({
    subject: "default/ends/test",
    what: "Deployment 2 (update) succeeded.",
    who: "owner",
    severity: "info",
    link: `https://slipway.example/deployments/${first.id}`,
  });
  expect(told().find(({ type }) => type === "deployment.rolled_back")?.data).toMatchObject({
    severity: "warning",
    why: expect.stringContaining("rolled back to release 1"),
    nextAction: expect.stringContaining("quarantined"),
  });
});

test("H7: a failure that names a secret is told without it, in the outbox, the message and the log", async () => {
  const worker = await start();
  const ledger = path.join(api.root, "leaks.txt");
  const more = `const secret = new pulumi.Config().require("password");
throw new Error("the password is " + secret);`;
  const folder = writeLedgerProject(path.join(api.root, "leaks"), "leaks", { version: "v1", ledger, more });
  const [stack = ""] = await register(api, "leaks", folder);
  await api.ask("PUT", `${stack}/config/password`, { body: { value: CANARY, secret: true } });
  const failed = await run(stack);
  expect(failed.status).toBe("failed");
  await eventually("it is told", PATIENCE_MS, () => kinds().includes("deployment.failed"));
  expect(told()[0]?.data.why).toContain("the password is");
  const rows = JSON.stringify(await api.db.selectFrom("notifications").selectAll().execute());
  const bytes = receiver.received
    .map(({ body, headers }) => body.toString() + JSON.stringify(headers))
    .join();
  expect(rows).toContain("the password is");
  for (const place of [rows, bytes, api.log(), worker.output()]) expect(place).not.toContain(CANARY);
});

test("a worker that is lost is told, with the interrupted deployment and what to do; one that waited is told as cancelled", async () => {
  const ledger = path.join(api.root, "lost.txt");
  const folder = writeLedgerProject(path.join(api.root, "lost"), "lost", {
    version: "v1",
    ledger,
    delayMs: 20_000,
  });
  const [stack = ""] = await register(api, "lost", folder);
  const first = await start();
  const running = run(stack);
  await eventually(
    "the resource is begun",
    PATIENCE_MS,
    () => existsSync(ledger) && readFileSync(ledger).length > 0,
  );
  const waiting = await api.ask("POST", `${stack}/deployments`, { body: { operation: "update" } });
  expect((await api.ask("POST", `/v1/deployments/${waiting.body.id}/cancel`)).status).toBe(202);
  await first.kill();
  workers.delete(first);
  await start();
  expect((await running).status).toBe("interrupted");
  await eventually("all is told", PATIENCE_MS, () => receiver.received.length >= 3);
  expect(kinds().toSorted()).toEqual(["deployment.cancelled", "deployment.interrupted", "worker.lost"]);
  const interrupted = told().find(({ type }) => type === "deployment.interrupted");
  expect(interrupted?.data).toMatchObject({
    severity: "critical",
    nextAction: expect.stringContaining("Refresh the stack"),
  });
  expect(told().find(({ type }) => type === "worker.lost")?.data.what).toContain(first.workerId);
});
