import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../../test/helpers/folders.ts";
import { eventually } from "../../../test/helpers/waiting.ts";
import { findProcess } from "../process-table.ts";
import { type ChildSpec, type Supervised, supervised } from "./child.ts";

const FAKE = path.resolve(import.meta.dirname, "../../../test/fixtures/children/child.mjs");

interface Trial {
  child: Supervised;
  journal(): string[];
  told: string[];
  folder: string;
}

function trial(how: string, changes: Partial<ChildSpec> = {}): Trial {
  const folder = temporaryFolder("child");
  const journalFile = path.join(folder, "journal");
  const told: string[] = [];
  const spec: ChildSpec = {
    name: "worker",
    argv: [process.execPath, FAKE, how, journalFile],
    cwd: folder,
    env: { PATH: process.env.PATH ?? "", SLIPWAY_TEST_MARK: process.env.SLIPWAY_TEST_MARK ?? "" },
    readyWithinMs: 5_000,
    stopWithinMs: 5_000,
    ...changes,
  };
  const folders = { logs: path.join(folder, "logs"), run: path.join(folder, "run") };
  const child = supervised(spec, folders, (message) => told.push(message));
  onTestFinished(() => child.stop());
  return { child, told, folder, journal: () => readFileSync(journalFile, "utf8").trim().split("\n") };
}

test("a child is started, is written down for a later start, and ends when asked", async () => {
  const { child, journal, folder } = trial("plain");
  await child.start();
  const pid = Number(child.pid);
  const record = path.join(folder, "run", "worker.json");
  expect(JSON.parse(readFileSync(record, "utf8"))).toMatchObject({ pid });
  expect(readFileSync(child.logFile, "utf8")).toContain("getting ready");
  expect(statSync(child.logFile).mode & 0o777).toBe(0o600);
  await child.stop();
  expect(findProcess(pid)).toBeUndefined();
  expect(journal()).toEqual([`plain started ${pid}`, "plain stopped"]);
  expect(statSync(record, { throwIfNoEntry: false })).toBeUndefined();
});

test("a child that is killed is started again, and the message names its log", async () => {
  const { child, told, journal } = trial("plain");
  await child.start();
  const first = Number(child.pid);
  process.kill(first, "SIGKILL");
  await eventually("it runs again", 5_000, () => told.some((line) => line.includes("running again")));
  expect(child.pid).not.toBe(first);
  expect(told[0]).toContain("The worker ended (SIGKILL); starting it again in 0.5 s. Its log: ");
  expect(told[0]).toContain(child.logFile);
  expect(journal().filter((line) => line.includes("started"))).toHaveLength(2);
});

test("the pause doubles while it keeps dying", async () => {
  const { child, told } = trial("plain");
  await child.start();
  process.kill(Number(child.pid), "SIGKILL");
  await eventually("second life", 5_000, () => told.some((line) => line.includes("running again")));
  process.kill(Number(child.pid), "SIGKILL");
  await eventually("second pause", 5_000, () => told.some((line) => line.includes("in 1 s")));
});

test("a stop in the pause ends the wait at once and starts nothing", async () => {
  const { child, told, journal } = trial("plain");
  await child.start();
  process.kill(Number(child.pid), "SIGKILL");
  await eventually("the pause", 5_000, () => told.length > 0);
  const began = performance.now();
  await child.stop();
  expect(performance.now() - began).toBeLessThan(300);
  expect(journal()).toHaveLength(1);
});

test("a child that fails at its first start is reported with what its log says", async () => {
  const { child } = trial("broken");
  await expect(child.start()).rejects.toThrow(
    "The worker did not start (exit code 3): cannot listen: the sky is falling",
  );
});

test("a child that never gets ready is killed and reported", async () => {
  const { child, journal } = trial("silent", { readyWithinMs: 700 });
  await expect(child.start()).rejects.toThrow("not ready after 0.7 s");
  expect(findProcess(Number(journal()[0]?.split(" ")[2]))).toBeUndefined();
});

test("a child that does not end is killed after its time", async () => {
  const { child } = trial("stubborn", { stopWithinMs: 500 });
  await child.start();
  const pid = Number(child.pid);
  await child.stop();
  expect(findProcess(pid)).toBeUndefined();
});

test("hurry does not wait for a slow end", async () => {
  const { child } = trial("plain", { env: { STOP_TAKES_MS: "60000" }, stopWithinMs: 60_000 });
  await child.start();
  const stopping = child.stop();
  child.hurry();
  await stopping;
  expect(child.pid).toBeUndefined();
});

test("a child can be stopped while it is still getting ready", async () => {
  const { child, journal } = trial("silent");
  const starting = child.start();
  await eventually("its process", 5_000, () => {
    try {
      return journal().length > 0;
    } catch {
      // It has not written yet.
      return false;
    }
  });
  const pid = Number(journal()[0]?.split(" ")[2]);
  await child.stop();
  await starting;
  expect(findProcess(pid)).toBeUndefined();
});
