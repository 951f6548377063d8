import { spawnSync } from "node:child_process";
import { chmodSync, closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Bed, type BedOptions, makeBed } from "../faults/bed.ts";
import { nothingIsLeft, oneWriterAtATime, toldAsItIs } from "../faults/checks.ts";
import { isPassing } from "../faults/passing.ts";
import type { WitnessProject } from "../faults/project.ts";
import { makeWitnessProject } from "../faults/project.ts";
import { endOf, requestUntilAnswered } from "../faults/trial.ts";
import { needs } from "../helpers/machine.ts";
import { eventually } from "../helpers/waiting.ts";

/** A server looks at its disks every second. */
const NOTICED_MS = 60_000;
const RESUMED_MS = 90_000;
/** Each request that is still taken is a preview that has to be run. */
const ASK_AGAIN_MS = 1_500;
const BEGINS_MS = 90_000;
const BLOCK = Buffer.alloc(64 * 1024, 1);

let root: string;
const mounted: string[] = [];
let bed: Bed | undefined;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), "slipway-disk-"));
  chmodSync(root, 0o711);
});
afterEach(async () => {
  await bed?.close();
  bed = undefined;
  for (const folder of mounted.splice(0)) run(["umount", "--lazy", folder]);
  rmSync(root, { recursive: true, force: true });
});

function run(argv: readonly string[]): void {
  const [program = "", ...rest] = argv;
  const { status, stderr } = spawnSync(program, rest, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${argv.join(" ")}: ${stderr}`);
}

/** A disk of its own. */
function disk(name: string, megabytes: number): string {
  const folder = path.join(root, name);
  run(["mkdir", "-m", "711", folder]);
  run(["mount", "-t", "tmpfs", "-o", `size=${megabytes}m,mode=711`, "tmpfs", folder]);
  mounted.push(folder);
  return folder;
}

/** Writes until nothing more can be written; answers how to make room again. */
function fill(folder: string): () => void {
  const file = path.join(folder, "filling");
  const open = openSync(file, "w");
  try {
    for (let size = BLOCK.length; size >= 512; size = Math.floor(size / 2)) {
      try {
        for (;;) writeSync(open, BLOCK, 0, size);
      } catch {
        // Full, for blocks of this size.
      }
    }
    fsyncSync(open);
  } finally {
    closeSync(open);
  }
  return () => rmSync(file, { force: true });
}

async function start(options: BedOptions): Promise<Bed> {
  const server = { env: { SLIPWAY_DISK_MIN: "5MB" } };
  bed = await makeBed({ workers: 1, server, ...options });
  return bed;
}

/** A deployment in the middle of its update. */
async function halfWay(slipway: Bed, name: string): Promise<{ project: WitnessProject; id: string }> {
  const project = await makeWitnessProject(slipway, name);
  project.hold("create-two-v1");
  const { id } = await requestUntilAnswered(slipway, project, {}, { deployments: [], projects: [] });
  await eventually("the provider works", BEGINS_MS, () =>
    project.lines().some(({ kind, name: of }) => kind === "started" && of === "two"),
  );
  return { project, id };
}

function ask(slipway: Bed, project: WitnessProject): Promise<Response> {
  const { organisation, project: name, stack } = project.params;
  return fetch(`${slipway.baseUrl}/v1/stacks/${organisation}/${name}/${stack}/deployments`, {
    method: "POST",
    headers: { authorization: `Bearer ${slipway.token}`, "content-type": "application/json" },
    body: JSON.stringify({ operation: "preview" }),
  });
}

/** New work is refused with a remedy while what is there can be read. */
async function expectRefusal(slipway: Bed, project: WitnessProject, id: string): Promise<void> {
  const refused = await eventually("a request is refused", NOTICED_MS, async () => {
    const answer = await ask(slipway, project);
    if (answer.status >= 500) return answer;
    await pause(ASK_AGAIN_MS);
    return undefined;
  });
  expect([503, 507]).toContain(refused.status);
  expect(await refused.json()).toMatchObject({ remedy: expect.stringMatching(/./u) as string });
  expect(await slipway.client.getDeployment({ params: { id }, query: { wait: 0 } })).toMatchObject({ id });
}

/** With room again everything goes on by itself, and what is told is what is there. */
async function expectResumed(slipway: Bed, project: WitnessProject, id: string): Promise<void> {
  project.release("create-two-v1");
  const end = await endOf(slipway, id);
  expect(["succeeded", "failed", "interrupted"]).toContain(end?.status);
  const before = await toldAsItIs(slipway, project, { id, text: "v1", earlierPending: new Set() });
  expect(before.violations).toEqual([]);
  project.write("after");
  const next = await eventually("a request is taken again", RESUMED_MS, async () => {
    try {
      return await slipway.client.requestDeployment({
        params: project.params,
        query: { wait: 0 },
        body: { operation: "update", options: { parallel: 1 } },
      });
    } catch (error) {
      if (!isPassing(error) && !String(error).includes("disk") && !String(error).includes("space"))
        throw error;
      await pause(500);
      return undefined;
    }
  });
  expect(await endOf(slipway, next.id)).toMatchObject({ status: "succeeded" });
  const after = await toldAsItIs(slipway, project, {
    id: next.id,
    text: "after",
    earlierPending: before.pending,
  });
  expect(after.violations).toEqual([]);
  expect(await oneWriterAtATime(slipway, project)).toEqual([]);
  expect(await nothingIsLeft(slipway)).toEqual([]);
}

test("the disk of the data folder (work folders, artifacts) is full: new work is refused, reads go on, and it resumes by itself", async (context) => {
  needs(context, "linux");
  needs(context, "root");
  const folder = disk("data", 300);
  const slipway = await start({ dataDir: path.join(folder, "data") });
  const { project, id } = await halfWay(slipway, "full-data");
  const makeRoom = fill(folder);
  await expectRefusal(slipway, project, id);
  project.release("create-two-v1");
  // It goes on as far as it can without a byte of space.
  await pause(3_000);
  makeRoom();
  await slipway.heal();
  await expectResumed(slipway, project, id);
});

test("the disk of the database is full: new work is refused, reads go on, nothing that was acknowledged is lost, and it resumes by itself", async (context) => {
  needs(context, "linux");
  needs(context, "root");
  // Where `npm start` has it: the server then watches its disk too.
  run(["mkdir", "-m", "711", path.join(root, "data")]);
  const folder = disk("data/postgres", 400);
  const slipway = await start({ dataDir: path.join(root, "data"), postgresDir: folder });
  const { project, id } = await halfWay(slipway, "full-database");
  const makeRoom = fill(folder);
  await slipway.heal();
  try {
    await expectRefusal(slipway, project, id);
  } finally {
    makeRoom();
  }
  await slipway.heal();
  await expectResumed(slipway, project, id);
});

test("the disk of the logs is full: the work goes on without them", async (context) => {
  needs(context, "linux");
  needs(context, "root");
  const folder = disk("logs", 4);
  const slipway = await start({ logs: folder });
  const { project, id } = await halfWay(slipway, "full-logs");
  const pids = [slipway.server.pid, slipway.workers[0]?.pid];
  const makeRoom = fill(folder);
  project.release("create-two-v1");
  expect(await endOf(slipway, id)).toMatchObject({ status: "succeeded", attempts: 1 });
  expect([slipway.server.pid, slipway.workers[0]?.pid]).toEqual(pids);
  makeRoom();
  await expectResumed(slipway, project, id);
});
