import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Machine, Network } from "./helpers/machines.ts";
import { makeNetwork, noNetworks } from "./helpers/machines.ts";
import type { TestDatabase } from "./helpers/postgres.ts";
import { testPostgres } from "./helpers/postgres.ts";
import { ownerClient } from "./helpers/server.ts";
import { writeProject } from "./helpers/trivial-project.ts";
import { seedDependencies } from "./helpers/worker.ts";

const REPOSITORY = path.resolve(import.meta.dirname, "..");
const READY_MS = 90_000;
const page = readFileSync(path.join(REPOSITORY, "docs/many-machines.md"), "utf8");

const missing = noNetworks();
const ci = process.env.CI === "true";
const it = test.skipIf(missing !== null && !ci);
if (missing !== null) console.warn(`skipped: the commands of docs/many-machines.md (${missing})`);

let network: Network;
let database: TestDatabase;
let databaseUrl: string;
const started: ChildProcess[] = [];

beforeAll(async () => {
  if (missing !== null) {
    if (ci) throw new Error(missing);
    return;
  }
  network = makeNetwork();
  database = await testPostgres().freshDatabase({ empty: true });
  databaseUrl = await network.reachable(database.url);
});
afterAll(async () => {
  if (missing !== null) return;
  await Promise.all(started.map(end));
  await network.close();
  await database.drop();
});

async function end(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  if (child.exitCode === null && child.signalCode === null && child.kill("SIGKILL")) await ended;
}

/** The blocks of the page: on which machines, and which lines. */
function blocks(): { machines: string[]; lines: string[] }[] {
  return [...page.matchAll(/^```sh (.+)\n([\s\S]*?)^```$/gm)].map(([, machines = "", text = ""]) => ({
    machines: machines.split(" "),
    lines: text.trim().split("\n"),
  }));
}

/** Runs a block as it stands there, but for addresses and folders, in one shell; resolves when its last command says that it is ready. */
function follow(
  machine: Machine,
  lines: readonly string[],
  replaced: ReadonlyMap<string, string>,
): Promise<void> {
  let script = lines.join("\n");
  for (const [stands, is] of replaced) script = script.replaceAll(stands, is);
  const [program = "", ...args] = [
    ...machine.network,
    "sh",
    "-e",
    "-c",
    script.replace(/\n(?=[^\n]*$)/, "\nexec "),
  ];
  const child = spawn(program, args, {
    cwd: REPOSITORY,
    env: {
      ...Object.fromEntries(
        Object.entries(process.env).filter(
          ([name]) => !/^(SLIPWAY_(?!TEST_|PULUMI$)|DATABASE_URL$|PULUMI_)/.test(name),
        ),
      ),
      SLIPWAY_PROJECT_ROOTS: path.dirname(machine.dataDir),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  started.push(child);
  let printed = "";
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`not ready on ${machine.name}:\n${printed}`)), READY_MS);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        printed += text;
        if (!printed.includes('{"ready":true')) return;
        clearTimeout(late);
        resolve();
      });
    }
    child.once("exit", (code) => {
      clearTimeout(late);
      reject(new Error(`ended with ${String(code)} on ${machine.name}:\n${printed}`));
    });
  });
}

it("the commands of the page, run as they stand there, make two servers and two workers that deploy", async () => {
  const all = new Map(["s1", "s2", "w1", "w2"].map((name) => [name, network.machine(name)]));
  const of = (name: string): Machine => {
    const machine = all.get(name);
    if (machine === undefined) throw new Error(`the page names a machine ${name}`);
    return machine;
  };
  const replaced = (machine: Machine): Map<string, string> =>
    new Map([
      ["postgres://slipway:secret@10.0.0.5:5432/slipway", `'${databaseUrl}'`],
      ["/var/lib/slipway", machine.dataDir],
      ["10.0.0.11", of("s1").address],
      ["10.0.0.12", of("s2").address],
    ]);
  expect(blocks().map(({ machines }) => machines)).toEqual([["s1"], ["s2"], ["w1", "w2"]]);
  for (const { machines, lines } of blocks()) {
    for (const name of machines) {
      const machine = of(name);
      // The page says so in words.
      if (name !== "s1")
        copyFileSync(path.join(of("s1").dataDir, "secret.key"), path.join(machine.dataDir, "secret.key"));
      await follow(machine, lines, replaced(machine));
    }
  }

  const url = (name: string): string => `http://${of(name).address}:7420`;
  const folder = writeProject(path.join(path.dirname(of("s1").dataDir), "trivial"), "trivial");
  for (const name of ["w1", "w2"]) seedDependencies(of(name).dataDir, folder);
  const first = ownerClient(url("s1"), of("s1").dataDir);
  const second = ownerClient(url("s2"), of("s1").dataDir);
  await first.createProject({ body: { name: "trivial", folder } });
  await second.createStack({ body: { project: "trivial", name: "dev" } });
  const done = await second.requestDeployment({
    params: { organisation: "default", project: "trivial", stack: "dev" },
    query: { wait: 60 },
    body: { operation: "update" },
  });
  expect(done, JSON.stringify(done.failure)).toMatchObject({ status: "succeeded", release: 1 });
});

test("what the page says of times is what the program does", async () => {
  const { readStartConfig, readWorkerConfig } = await import("../automation/src/config.ts");
  const { HOLD_MS: engineHoldMs } = await import("../automation/src/pipeline/server-relay.ts");
  const { HOLD_MS: serverHoldMs } = await import("../automation/src/state/hold.ts");
  const { LEASE_MS } = await import("../automation/src/attempts/lease-rules.ts");
  const worker = { DATABASE_URL: "postgres://a/b", SLIPWAY_SERVER_URL: "http://a" };
  expect([readWorkerConfig(worker).drainMs, readStartConfig({}).drainMs]).toEqual([30 * 60_000, 10_000]);
  expect(page).toContain("30 minutes when not set");
  expect(page).toContain("`npm start` gives what runs 10 seconds");
  expect(engineHoldMs).toBe(120_000);
  expect(page).toContain("wait for a server for up to two minutes");
  expect(serverHoldMs).toBe(30_000);
  expect(page).toContain("writes wait (30 s in a server)");
  expect(page).toContain(`its lease ends within ${LEASE_MS / 1_000} s`);
  for (const duration of ["90s", "30m", "2h"]) {
    expect(page).toContain(`\`${duration}\``);
    expect(readWorkerConfig({ ...worker, SLIPWAY_DRAIN: duration }).drainMs).toBeGreaterThan(0);
  }
});
