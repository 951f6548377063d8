import { existsSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Deployment } from "../automation/src/contract/deployments.ts";
import { type Bed, makeBed } from "./faults/bed.ts";
import { nothingIsLeft } from "./faults/checks.ts";
import type { ProgramOptions, WitnessProject } from "./faults/project.ts";
import { makeWitnessProject } from "./faults/project.ts";
import { endOf, requestUntilAnswered } from "./faults/trial.ts";
import { eventually } from "./helpers/waiting.ts";

/** The ladder of a cancel takes 30 s before it kills. */
const ENDS_MS = 170_000;
const STARTS_MS = 90_000;
const MEGABYTE = 1024 * 1024;

let bed: Bed;
let count = 0;
const acknowledged = { deployments: [], projects: [] };
beforeAll(async () => {
  bed = await makeBed({ workers: 1 });
});
afterAll(() => bed.close());

async function project(more: ProgramOptions): Promise<WitnessProject> {
  count += 1;
  const made = await makeWitnessProject(bed, `hostile-${count}`);
  made.write("v1", more);
  return made;
}

async function request(where: WitnessProject): Promise<string> {
  return (await requestUntilAnswered(bed, where, { skipPreview: true }, acknowledged)).id;
}

async function ended(id: string): Promise<Deployment> {
  const end = await endOf(bed, id, ENDS_MS);
  if (end === undefined) throw new Error(`deployment ${id} did not end`);
  return end;
}

async function programRuns(where: WitnessProject, times = 1): Promise<void> {
  await eventually(
    "the program runs",
    STARTS_MS,
    () => where.lines().filter(({ kind }) => kind === "program").length >= times,
  );
}

async function cancelled(where: WitnessProject, id: string, times = 1): Promise<Deployment> {
  await programRuns(where, times);
  await bed.client.cancelDeployment({ params: { id } });
  return ended(id);
}

async function expectUsable(where: WitnessProject): Promise<void> {
  where.write("good");
  const end = await ended(await request(where));
  expect(end.status, JSON.stringify(end.failure)).toBe("succeeded");
  expect(await nothingIsLeft(bed)).toEqual([]);
}

test("a program that loops for ever is ended by a cancel, and its stack is good for the next", async () => {
  const where = await project({ before: "for (;;) {}" });
  expect(await cancelled(where, await request(where))).toMatchObject({ status: "cancelled" });
  await expectUsable(where);
});

test("a program that ignores SIGINT and SIGTERM is ended by a cancel", async () => {
  const where = await project({
    before: `for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(name, () => {});
await new Promise((resolve) => setTimeout(resolve, 3_600_000));`,
  });
  expect(await cancelled(where, await request(where))).toMatchObject({ status: "cancelled" });
  await expectUsable(where);
});

test("a program that exits with 0 half-way at an interrupt deletes nothing, and is never told as succeeded", async () => {
  const where = await project({});
  expect(await ended(await request(where))).toMatchObject({ status: "succeeded" });
  where.write("v2", {
    names: ["one"],
    after: `for (const name of ["SIGINT", "SIGTERM"]) process.on(name, () => process.exit(0));
await last.urn.promise?.();
await new Promise((resolve) => setTimeout(resolve, 3_600_000));`,
  });
  expect(await cancelled(where, await request(where), 2)).toMatchObject({
    status: "cancelled",
    release: null,
  });
  expect(where.lines().filter(({ operation }) => operation === "delete")).toEqual([]);
  await expectUsable(where);
});

test("children that a program leaves behind, in sessions of their own, end with the deployment", async () => {
  const where = await project({
    before: `const { spawn } = await import("node:child_process");
const beat = \`setInterval(() => require("fs").writeFileSync(\${JSON.stringify(ledger + "/beat")}, String(Date.now())), 20)\`;
const again = \`require("child_process").spawn(process.execPath, ["-e", \${JSON.stringify(beat)}], { detached: true, stdio: "ignore" }).unref()\`;
spawn(process.execPath, ["-e", again], { detached: true, stdio: "ignore" }).unref();
while (!existsSync(ledger + "/beat")) await pause(20);`,
  });
  expect(await ended(await request(where))).toMatchObject({ status: "succeeded" });
  const beat = path.join(where.ledgerFolder, "beat");
  const last = statSync(beat).mtimeMs;
  await pause(500);
  expect(statSync(beat).mtimeMs, "something still writes").toBe(last);
  await expectUsable(where);
});

test("a gigabyte of output leaves few rows, and neither worker nor server grows with it", async () => {
  const lines = 1024;
  const where = await project({
    before: `const big = "x".repeat(${MEGABYTE} - 1) + "\\n";
for (let n = 0; n < ${lines}; n += 1) if (!process.stdout.write(big)) await new Promise((resolve) => process.stdout.once("drain", resolve));`,
  });
  const id = await request(where);
  const largest = { worker: 0, server: 0 };
  const watching = new AbortController();
  const watch = (async () => {
    while (!watching.signal.aborted) {
      largest.worker = Math.max(largest.worker, memoryOf(bed.workers[0]?.pid));
      largest.server = Math.max(largest.server, memoryOf(bed.server.pid));
      await pause(100);
    }
  })();
  const end = await ended(id).finally(() => watching.abort());
  await watch;
  // It may be refused, but it may not be told as something that it was not.
  expect(["succeeded", "failed"], JSON.stringify(end.failure)).toContain(end.status);
  if (end.status === "succeeded")
    expect(where.lines().filter(({ kind }) => kind === "finished")).toHaveLength(3);
  const [stored] = await bed.rows<{ rows: number; bytes: number }>(
    "select count(*)::integer as rows, coalesce(sum(length(body::text)), 0)::integer as bytes from deployment_events where deployment_id = $1",
    [id],
  );
  expect(stored?.bytes).toBeLessThan(64 * MEGABYTE);
  expect(stored?.rows).toBeLessThan(20_000);
  expect(largest.worker / MEGABYTE).toBeLessThan(1024);
  expect(largest.server / MEGABYTE).toBeLessThan(1024);
  await expectUsable(where);
});

test("a program that closes its output ends in good order", async () => {
  const where = await project({
    before: `const { closeSync } = await import("node:fs"); closeSync(1); closeSync(2);`,
  });
  const end = await ended(await request(where));
  expect(end.status, JSON.stringify(end.failure)).toBe("succeeded");
  expect(where.lines().filter(({ kind }) => kind === "finished")).toHaveLength(3);
});

test("a program that runs out of memory fails with its reason, and nothing else does", async () => {
  const where = await project({
    // What a machine without memory does: the next allocation fails.
    after: `const { execFileSync } = await import("node:child_process");
execFileSync("prlimit", ["--pid", String(process.pid), "--as=1073741824"]);
const all = [];
for (;;) all.push(Buffer.alloc(16 * 1024 * 1024, 1));`,
  });
  const end = await ended(await request(where));
  expect(end).toMatchObject({ status: "failed", release: null });
  expect(end.failure?.detail).toMatch(/memory|signal|SIGABRT|exit/iu);
  await expectUsable(where);
});

test("a build that kills everything around it three times is put aside, and the queue behind it moves", async () => {
  const crash = path.join(bed.projects, "crashes");
  const where = await project({
    slipwayYaml: `services:
  web:
    path: .
    build: [sh, -c, "echo x >> ${crash}; kill -9 -1; sleep 60"]
    artifact: web
gates: []
`,
  });
  const id = await request(where);
  const other = await project({});
  const next = await request(other);
  const end = await ended(id);
  expect(end).toMatchObject({ status: "failed", failure: { code: "crashed_repeatedly" }, attempts: 3 });
  expect(await ended(next)).toMatchObject({ status: "succeeded" });
  expect(readFileSync(crash, "utf8").trim().split("\n")).toHaveLength(3);
  await expectUsable(where);
});

/** Resident bytes; 0 when it is gone. */
function memoryOf(pid: number | undefined): number {
  const file = `/proc/${pid}/status`;
  if (pid === undefined || !existsSync(file)) return 0;
  const KILOBYTE = 1024;
  return Number(/^VmRSS:\s+(\d+)/mu.exec(readFileSync(file, "utf8"))?.[1] ?? 0) * KILOBYTE;
}
