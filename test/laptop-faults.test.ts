import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readPostmasterFile } from "../automation/src/postgres/postmaster-file.ts";
import { type Installation, startInstallation } from "./helpers/installation.ts";
import { type Laptop, openLaptop } from "./helpers/laptop.ts";
import { eventually } from "./helpers/waiting.ts";

/*
 * A person's own `pulumi up`, whose server or database is killed under it.
 */

const NAMES = ["one", "two", "three", "four", "five", "six"];
const CREATE_MS = 1_200;
const BEGINS_WITHIN_MS = 60_000;

let slipway: Installation;
let laptop: Laptop;
beforeAll(async () => {
  slipway = await startInstallation();
  laptop = await openLaptop(slipway);
});
afterAll(async () => {
  await slipway.stop();
  slipway.remove();
});

/** Creates entries one after another, kills something in the middle, and answers what is told of the stack afterwards. */
async function upThrough(stack: string, pidOf: () => number) {
  const entries = NAMES.map((name) => `${stack}-${name}`);
  laptop.write(entries.map((name) => ({ name, delayMs: CREATE_MS })));
  const init = await laptop.pulumi(["stack", "init", stack]);
  expect(init.code, init.stderr).toBe(0);
  const running = laptop.pulumi(["up", "--yes", "--skip-preview", "--parallel", "1", "--stack", stack]);
  const ledger = (): string => {
    try {
      return readFileSync(path.join(slipway.home, "ledger"), "utf8");
    } catch {
      // The provider makes it with its first line.
      return "";
    }
  };
  const ofStack = (): string[] =>
    ledger()
      .split("\n")
      .filter((line) => line.includes(`create ${stack}-`));
  await eventually("the second entry is begun", BEGINS_WITHIN_MS, () => ofStack().length >= 3 || undefined);
  process.kill(pidOf(), "SIGKILL");
  const ended = await running;
  const params = { organisation: "default", project: "laptop", stack };
  const { items: updates } = await slipway.client.listUpdates({ params });
  const { items: audit } = await slipway.client.listAudit({
    query: { project: "laptop", stack, limit: 100 },
  });
  const exported = await laptop.pulumi(["stack", "export", "--stack", stack]);
  return { ended, entries, lines: ofStack(), updates, audit, state: JSON.parse(exported.stdout) as State };
}

interface State {
  deployment: { resources: { urn: string }[]; pending_operations?: unknown[] };
}

function expectWhole({
  ended,
  entries,
  lines,
  updates,
  audit,
  state,
}: Awaited<ReturnType<typeof upThrough>>) {
  expect(ended.code, `${ended.stdout}${ended.stderr}\n${slipway.output()}`).toBe(0);
  // Each once, whatever the order of the registrations, and none beside another.
  const order = lines.flatMap((line) => (line.startsWith("started create ") ? [line.slice(15)] : []));
  expect(order.toSorted()).toEqual(entries.toSorted());
  expect(lines).toEqual(order.flatMap((name) => [`started create ${name}`, `finished create ${name}`]));
  expect(updates).toMatchObject([{ status: "succeeded", deploymentId: null, state: 1 }]);
  const names = state.deployment.resources.map(({ urn }) => urn.split("::").at(-1));
  expect(names).toEqual(expect.arrayContaining(entries));
  expect(state.deployment.pending_operations ?? []).toEqual([]);
  expect(audit.map(({ action }) => action).filter((action) => action.startsWith("update."))).toEqual([
    "update.succeeded",
    "update.started",
  ]);
}

test("a server that is killed during a person's pulumi up is started again, and the update ends as if nothing had been", async () => {
  const record = path.join(slipway.dataDir, "run", "server.json");
  const serverPid = (): number => (JSON.parse(readFileSync(record, "utf8")) as { pid: number }).pid;
  expectWhole(await upThrough("server-killed", serverPid));
  expect(slipway.output()).toContain("The server is running again.");
});

test("a Postgres that is killed during a person's pulumi up is started again, and no acknowledged entry is lost", async () => {
  const cluster = path.join(slipway.dataDir, "postgres", "cluster");
  expectWhole(await upThrough("postgres-killed", () => readPostmasterFile(cluster)?.pid ?? 0));
  expect(slipway.output()).toContain("The database is running again.");
});
