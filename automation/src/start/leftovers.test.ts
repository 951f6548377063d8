import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../../test/helpers/folders.ts";
import { eventually } from "../../../test/helpers/waiting.ts";
import { findProcess } from "../process-table.ts";
import { endLeftovers } from "./leftovers.ts";

const FIXTURES = path.resolve(import.meta.dirname, "../../../test/fixtures/children");
const WATCH = new URL("./parent-watch.ts", import.meta.url).href;

/** Starts a supervisor whose child is preloaded with the watch, and kills it hard. Answers the child's pid. */
async function orphan(how: string, folder: string, stopWithinMs: number): Promise<number> {
  const journal = path.join(folder, "journal");
  const supervisor = spawn(
    process.execPath,
    [path.join(FIXTURES, "supervisor.mjs"), `${WATCH}?stop-within-ms=${stopWithinMs}`, how, journal],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  onTestFinished(() => {
    supervisor.kill("SIGKILL");
  });
  const pid = await new Promise<number>((resolve) => {
    supervisor.stdout.once("data", (data) => resolve(Number(data)));
  });
  await eventually("the child runs", 5_000, () => {
    try {
      return readFileSync(journal, "utf8").includes("started");
    } catch {
      // It has not written yet.
      return false;
    }
  });
  supervisor.kill("SIGKILL");
  return pid;
}

test("a child notices that its supervisor was killed, and ends as if it had been asked to", async () => {
  const folder = temporaryFolder("orphan");
  const pid = await orphan("plain", folder, 5_000);
  await eventually("the child is gone", 5_000, () => findProcess(pid) === undefined);
  expect(readFileSync(path.join(folder, "journal"), "utf8")).toContain("plain stopped");
});

test("a child that does not end then is ended", async () => {
  const pid = await orphan("stubborn", temporaryFolder("orphan"), 500);
  await eventually("the child is gone", 5_000, () => findProcess(pid) === undefined);
});

test("the next start ends what a killed one has left, and nothing that was given the same pid since", async () => {
  const folder = temporaryFolder("leftovers");
  const run = path.join(folder, "run");
  mkdirSync(run);
  const left = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  const other = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  onTestFinished(() => {
    left.kill("SIGKILL");
    other.kill("SIGKILL");
  });
  const pid = Number(left.pid);
  writeFileSync(path.join(run, "worker.json"), JSON.stringify(findProcess(pid)));
  const reused = { pid: other.pid, command: "node something else", startedAt: "1" };
  writeFileSync(path.join(run, "server.json"), JSON.stringify(reused));
  writeFileSync(path.join(run, "keeper.sock.json"), "not json");
  expect(await endLeftovers(run)).toEqual(["worker"]);
  expect(findProcess(pid)).toBeUndefined();
  expect(findProcess(Number(other.pid))).toBeDefined();
});

test("what does not end is killed after its time", async () => {
  const folder = temporaryFolder("leftovers");
  const run = path.join(folder, "run");
  mkdirSync(run);
  const stubborn = spawn(process.execPath, [
    "-e",
    "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log(1)",
  ]);
  onTestFinished(() => {
    stubborn.kill("SIGKILL");
  });
  await new Promise((resolve) => stubborn.stdout.once("data", resolve));
  writeFileSync(path.join(run, "worker.json"), JSON.stringify(findProcess(Number(stubborn.pid))));
  await endLeftovers(run, 200);
  expect(findProcess(Number(stubborn.pid))).toBeUndefined();
});
