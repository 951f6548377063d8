import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readPostmasterFile } from "../automation/src/postgres/postmaster-file.ts";
import { type Installation, startInstallation } from "./helpers/installation.ts";
import { writeLedgerProject } from "./helpers/ledger-project.ts";
import { eventually } from "./helpers/waiting.ts";
import { seedDependencies } from "./helpers/worker.ts";

const TEXTS = ["one", "two", "three", "four", "five", "six"];
const DELAY_MS = 1_500;
const DEPLOYMENT_MS = 120_000;

let slipway: Installation;
beforeAll(async () => {
  slipway = await startInstallation();
});
afterAll(async () => {
  await slipway.stop();
  slipway.remove();
});

/** Deploys resources one after another, kills something in the middle, and answers how the deployment ended and what the ledger holds. */
async function deployThrough(name: string, pidOf: () => number) {
  const ledger = path.join(slipway.projects, `${name}.txt`);
  const lines = (): string[] => (existsSync(ledger) ? readFileSync(ledger, "utf8").trim().split("\n") : []);
  const folder = writeLedgerProject(path.join(slipway.projects, name), name, {
    version: "v1",
    ledger,
    texts: TEXTS,
    delayMs: DELAY_MS,
    distinct: true,
  });
  seedDependencies(slipway.dataDir, folder);
  await slipway.client.createProject({ body: { name, folder } });
  await slipway.client.createStack({ body: { project: name, name: "dev" } });
  const params = { organisation: "default", project: name, stack: "dev" };
  const asked = await slipway.client.requestDeployment({
    params,
    query: { wait: 0 },
    body: { operation: "update", options: { parallel: 1, skipPreview: true } },
  });
  await eventually("the second resource is begun", DEPLOYMENT_MS, () => lines().length >= 3 || undefined);
  process.kill(pidOf(), "SIGKILL");
  const ended = await eventually("the deployment ended", DEPLOYMENT_MS, async () => {
    // While the server is away there is no answer.
    const now = await slipway.client
      .getDeployment({ params: { id: asked.id }, query: { wait: 0 } })
      .catch(() => undefined);
    return now?.finishedAt == null ? undefined : now;
  });
  const stack = await slipway.client.getStack({ params });
  const { items: updates } = await slipway.client.listUpdates({ params });
  const { items: events } = await slipway.client.listEvents({
    params: { id: asked.id },
    query: { after: 0, limit: 1000 },
  });
  return { ended, lines: lines(), stack, updates, events };
}

function expectWhole({
  ended,
  lines,
  stack,
  updates,
  events,
}: Awaited<ReturnType<typeof deployThrough>>): void {
  expect(ended, `${JSON.stringify(ended.failure)}\n${slipway.output()}`).toMatchObject({
    status: "succeeded",
    release: 1,
    attempts: 1,
  });
  // In the order in which the program's registrations came; each once, and none beside another.
  const order = lines.flatMap((line) => (line.startsWith("started create ") ? [line.slice(15)] : []));
  expect(order.toSorted()).toEqual(TEXTS.toSorted());
  expect(lines).toEqual(order.flatMap((text) => [`started create ${text}`, `finished create ${text}`]));
  // With the stack's own and the provider's.
  expect(stack.resourceCount).toBe(TEXTS.length + 2);
  expect(updates).toMatchObject([{ status: "succeeded", deploymentId: ended.id, state: 1 }]);
  expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
  const created = events.flatMap(({ body }) =>
    body.type === "resource" && body.state === "succeeded" && body.resourceType === "ledger:index:Entry"
      ? [body.name]
      : [],
  );
  expect(created).toEqual(order);
}

test("a server that is killed during an update is started again, and the update goes on as if nothing had been", async () => {
  const record = path.join(slipway.dataDir, "run", "server.json");
  expectWhole(
    await deployThrough(
      "server-killed",
      () => (JSON.parse(readFileSync(record, "utf8")) as { pid: number }).pid,
    ),
  );
  expect(slipway.output()).toContain("The server is running again.");
});

test("a Postgres that is killed during an update is started again, and nothing that was acknowledged is lost", async () => {
  expectWhole(
    await deployThrough(
      "postgres-killed",
      () => readPostmasterFile(path.join(slipway.dataDir, "postgres", "cluster"))?.pid ?? 0,
    ),
  );
  expect(slipway.output()).toContain("The database is running again.");
});
