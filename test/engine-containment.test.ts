import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { AttemptContainment } from "../automation/src/engine/attempt.ts";
import { type ContainmentHost, openContainment } from "../automation/src/engine/containment.ts";
import { probeContainments } from "../automation/src/engine/containment-level.ts";
import {
  LONG_DEADLINE_MS,
  linesOf,
  nodeCommand,
  processesWith,
  runAndCollect,
  temporaryFolder,
  until,
} from "./engine-support.ts";
import { IS_TRIAL } from "./helpers/trial.ts";

const working = await probeContainments();
const [best] = working;
// Root needs no user namespace; the rest of that wrapper is the same.
const hosts = working.filter((host) => host === best || host.how !== "unshare with a user namespace");
const weakest = hosts.at(-1) ?? best;
// As on a system without /proc.
if (process.platform === "linux") hosts.push({ ...weakest, how: "repeated scan by ps", lookup: "ps" });
/** The strongest and the weakest of this machine; the trials have those between. */
const tried = IS_TRIAL ? hosts : [...new Set([best ?? weakest, hosts.at(-1) ?? weakest])];

let folder: ReturnType<typeof temporaryFolder>;
const opened: AttemptContainment[] = [];

beforeEach(() => {
  folder = temporaryFolder();
});

afterEach(async () => {
  for (const containment of opened.splice(0)) await containment.close();
  folder.remove();
});

async function open(
  host: ContainmentHost = best,
  deadlineMs = LONG_DEADLINE_MS,
  programs: Parameters<typeof openContainment>[2] = {},
): Promise<AttemptContainment> {
  const containment = await openContainment(
    { nodePath: process.execPath, deadlineMs, attemptDir: join(folder.path, "attempt") },
    host,
    programs,
  );
  opened.push(containment);
  return containment;
}

/** A script that writes the time into a file for ever; from a session of its own with `setsid`, twice removed. */
function beating(file: string, how: "direct" | "setsid"): string {
  const beat = `setInterval(() => require("fs").writeFileSync(${JSON.stringify(file)}, String(Date.now())), 20)`;
  if (how === "direct") return beat;
  const again = `require("child_process").spawn(process.execPath, ["-e", ${JSON.stringify(beat)}], {detached: true, stdio: "ignore"}).unref()`;
  return `require("child_process").spawn(process.execPath, ["-e", ${JSON.stringify(again)}], {detached: true, stdio: "ignore"}).on("exit", () => setInterval(() => 0, 1000))`;
}

async function expectSilence(file: string): Promise<void> {
  const last = readFileSync(file, "utf8");
  await pause(200);
  expect(readFileSync(file, "utf8"), "something still writes").toBe(last);
}

describe.each(tried)("a containment of level $level ($how)", (host) => {
  test("runs a command and tells its output, exit code and time", async () => {
    const containment = await open(host);
    const { outcome, lines } = await runAndCollect(
      containment,
      nodeCommand("console.log('one\\ntwo'); console.error('three'); process.exit(3)"),
    );
    expect(outcome).toMatchObject({ status: "failed", exitCode: 3, signal: null, errors: [] });
    expect(lines.toSorted()).toEqual(["one", "three", "two"]);
    expect(await containment.close()).toEqual({ reason: "closed", empty: true });
  });

  test("takes one request after another and gives each its own environment only", async () => {
    const containment = await open(host);
    const script =
      "console.log(Object.keys(process.env).filter((name) => name !== 'SLIPWAY_CONTAINMENT').join())";
    const first = await runAndCollect(containment, nodeCommand(script, { env: { ONLY: "1" } }));
    const second = await runAndCollect(containment, nodeCommand(script, { env: { OTHER: "1" } }));
    expect([...first.lines, ...second.lines]).toEqual(["ONLY", "OTHER"]);
  });

  test("ends a grandchild that left for a session of its own", async () => {
    const containment = await open(host);
    const file = join(folder.path, "beat");
    const running = containment.run(nodeCommand(beating(file, "setsid")), () => undefined);
    const refused = expect(running).rejects.toMatchObject({ code: "containment_ended" });
    await until("the grandchild writes", () => linesOf(file).length > 0);
    await pause(200);
    containment.kill();
    expect(await containment.ended).toEqual({ reason: "killed", empty: true });
    await refused;
    await expectSilence(file);
  });

  test("ends when its deadline passes without a renewal", async () => {
    const containment = await open(host, 2_500);
    const file = join(folder.path, "beat");
    const running = containment.run(nodeCommand(beating(file, "direct")), () => undefined);
    const refused = expect(running).rejects.toMatchObject({ code: "containment_ended" });
    await until("the command writes", () => linesOf(file).length > 0);
    containment.renew(performance.now(), 1_500);
    const from = performance.now();
    expect(await containment.ended).toEqual({ reason: "deadline", empty: true });
    expect(performance.now() - from).toBeGreaterThan(1_400);
    expect(performance.now() - from).toBeLessThan(2_300);
    await refused;
    await expectSilence(file);
  });

  test("ends when its guardian is killed", async () => {
    const containment = await open(host);
    const file = join(folder.path, "beat");
    const running = containment.run(nodeCommand(beating(file, "direct")), () => undefined);
    const refused = expect(running).rejects.toMatchObject({ code: "containment_ended" });
    await until("the command writes", () => linesOf(file).length > 0);
    for (const pid of processesWith(folder.path).filter((pid) => programOf(pid) === "guardian.ts"))
      process.kill(pid, "SIGKILL");
    const ended = await containment.ended;
    expect(ended.reason).toBe("crashed");
    // A weak containment without its guardian cannot say that it is empty, even when it is.
    expect(ended.empty).toBe(host.level !== "weak");
    await refused;
    await until("nothing is left", () => processesWith(folder.path).length === 0, 2_000);
    await expectSilence(file);
  });

  test.each(["SIGKILL", "SIGSTOP"] as const)("is empty soon after its worker got %s", async (signal) => {
    const file = join(folder.path, "beat");
    const worker = startWorker(host, file, signal === "SIGSTOP" ? 3_000 : LONG_DEADLINE_MS);
    try {
      await until("the command writes", () => linesOf(file).length > 0);
      const from = performance.now();
      worker.kill(signal);
      const limitMs = signal === "SIGSTOP" ? 5_000 : 2_000;
      await until(
        "nothing is left",
        () => processesWith(folder.path).filter((pid) => pid !== worker.pid).length === 0,
        limitMs,
      );
      expect(performance.now() - from).toBeLessThan(limitMs);
      await expectSilence(file);
    } finally {
      worker.kill("SIGKILL");
    }
  });
});

/** The name of the script that a Node process runs. */
function programOf(pid: number): string | undefined {
  return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")[1]?.split("/").at(-1);
}

/** A worker of its own, so that it can be stopped and killed. */
function startWorker(host: ContainmentHost, file: string, deadlineMs: number): ChildProcess {
  const source = `
    import { openContainment } from ${JSON.stringify(import.meta.resolve("../automation/src/engine/containment.ts"))};
    const containment = await openContainment(
      { nodePath: process.execPath, deadlineMs: ${deadlineMs}, attemptDir: ${JSON.stringify(join(folder.path, "attempt"))} },
      ${JSON.stringify(host)},
    );
    await containment.run(${JSON.stringify(nodeCommand(beating(file, "setsid")))}, () => undefined);
  `;
  const script = join(folder.path, "worker.mjs");
  writeFileSync(script, source);
  return spawn(process.execPath, [script], { stdio: "ignore" });
}

describe("the ladder", () => {
  /** Writes a line for each signal and goes on. */
  const stubborn = (file: string): string => `
    const { appendFileSync } = require("fs");
    for (const name of ["SIGINT", "SIGTERM"]) process.on(name, () => appendFileSync(${JSON.stringify(file)}, name + "\\n"));
    appendFileSync(${JSON.stringify(file)}, "ready\\n");
    setInterval(() => 0, 1000);`;

  test("sends one SIGINT however often it is asked, then SIGTERM, then ends the containment", async () => {
    const containment = await open();
    const file = join(folder.path, "signals");
    const running = containment.run(nodeCommand(stubborn(file)), () => undefined);
    const refused = expect(running).rejects.toMatchObject({ code: "containment_ended" });
    await until("the command is ready", () => linesOf(file).length > 0);
    for (let again = 0; again < 3; again++) containment.interrupt(500);
    await until("SIGINT arrives", () => linesOf(file).includes("SIGINT"));
    containment.interrupt(500);
    expect(await containment.ended).toEqual({ reason: "killed", empty: true });
    await refused;
    expect(linesOf(file)).toEqual(["ready", "SIGINT", "SIGTERM"]);
  });

  test("calls a command interrupted that ends with 0 after the interrupt, and goes on to the next request", async () => {
    const containment = await open();
    const file = join(folder.path, "signals");
    const polite = `process.on("SIGINT", () => process.exit(0)); require("fs").writeFileSync(${JSON.stringify(file)}, "ready"); setInterval(() => 0, 1000)`;
    const running = runAndCollect(containment, nodeCommand(polite));
    await until("the command is ready", () => linesOf(file).length > 0);
    containment.interrupt(300);
    const { outcome, messages } = await running;
    expect(outcome).toMatchObject({ status: "interrupted", exitCode: 0 });
    expect(messages.at(-1)).toMatchObject({ type: "finished", outcome: { status: "interrupted" } });
    // Longer than the rest of the ladder would have taken.
    const next = await runAndCollect(containment, nodeCommand("setTimeout(() => 0, 3000)"));
    expect(next.outcome).toMatchObject({ status: "succeeded", exitCode: 0 });
  });

  test("interrupts a command that was not yet started when it was asked", async () => {
    const containment = await open();
    const running = runAndCollect(containment, nodeCommand("setTimeout(() => 0, 30000)"));
    containment.interrupt(10_000);
    const { outcome } = await running;
    expect(outcome).toMatchObject({ status: "interrupted", signal: "SIGINT" });
    expect(outcome.durationMs).toBeLessThan(5_000);
  });

  test("does its work while the runner is stopped", async () => {
    const containment = await open();
    const file = join(folder.path, "signals");
    const running = containment.run(nodeCommand(stubborn(file)), () => undefined);
    const refused = expect(running).rejects.toMatchObject({ code: "containment_ended" });
    await until("the command is ready", () => linesOf(file).length > 0);
    const runners = processesWith(folder.path).filter((pid) => programOf(pid) === "runner.ts");
    expect(runners).toHaveLength(1);
    for (const pid of runners) process.kill(pid, "SIGSTOP");
    containment.interrupt(300);
    expect(await containment.ended).toEqual({ reason: "killed", empty: true });
    await refused;
    expect(linesOf(file)).toEqual(["ready", "SIGINT", "SIGTERM"]);
  });
});

describe("a command", () => {
  test("that takes too long is timed out, also when it ignores SIGTERM", async () => {
    const containment = await open();
    const { outcome } = await runAndCollect(
      containment,
      nodeCommand("process.on('SIGTERM', () => 0); setInterval(() => 0, 1000)", { timeoutSeconds: 0.5 }),
    );
    expect(outcome).toMatchObject({ status: "timed-out", signal: "SIGKILL" });
  });

  test("that cannot be started fails with the reason", async () => {
    const containment = await open();
    const { outcome } = await runAndCollect(
      containment,
      nodeCommand("", { argv: ["no-such-program-here", "--flag"] }),
    );
    expect(outcome).toMatchObject({ status: "failed", exitCode: null });
    expect(outcome.errors[0]).toContain("no-such-program-here");
  });

  test("that leaves a server in its process group has ended with it", async () => {
    const containment = await open();
    const file = join(folder.path, "beat");
    const leaving = `require("child_process").spawn(process.execPath, ["-e", ${JSON.stringify(beating(file, "direct"))}], {stdio: "inherit"}).unref(); setTimeout(() => process.exit(0), 300)`;
    const { outcome } = await runAndCollect(containment, nodeCommand(leaving));
    expect(outcome).toMatchObject({ status: "succeeded" });
    await expectSilence(file);
  });

  test("that prints a line without end is cut into pieces", async () => {
    const containment = await open();
    const { lines } = await runAndCollect(
      containment,
      nodeCommand("process.stdout.write('x'.repeat(100000))"),
    );
    expect(lines.join("")).toBe("x".repeat(100_000));
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(16_384);
  });

  test("that prints a secret in two writes or in base64 is heard without it", async () => {
    const containment = await open();
    const secret = "hunter2-hunter2";
    const script = `
      process.stdout.write("a ${secret.slice(0, 6)}");
      setTimeout(() => { process.stdout.write("${secret.slice(6)} b\\n"); console.log(Buffer.from("xy:${secret}:z").toString("base64")); }, 200)`;
    const { lines } = await runAndCollect(containment, nodeCommand(script, { secrets: [secret] }));
    expect(lines[0]).toBe("a [secret] b");
    expect(lines[1]).toContain("[secret]");
    expect(Buffer.from(lines[1] ?? "", "base64").toString()).not.toContain(secret.slice(2, -2));
  });
});

describe("a runner that is not ours", () => {
  function fakeRunner(source: string): { runner: string } {
    const runner = join(folder.path, "fake-runner.mjs");
    writeFileSync(runner, source);
    return { runner };
  }
  const hello = `import { Socket } from "node:net"; import { createInterface } from "node:readline";
    const guardian = new Socket({ fd: 3 }); guardian.write("hello\\n");
    const say = (message) => process.stdout.write(JSON.stringify(message) + "\\n"); say({ type: "ready" });`;

  test("and writes garbage is killed with its containment", async () => {
    const containment = await open(
      best,
      LONG_DEADLINE_MS,
      fakeRunner(
        `${hello} setTimeout(() => process.stdout.write("<html>\\n"), 300); setInterval(() => 0, 1000)`,
      ),
    );
    expect(await containment.ended).toEqual({ reason: "killed", empty: true });
  });

  test("and never answers is ended by the deadline", async () => {
    const containment = await open(best, 2_000, fakeRunner(`${hello} setInterval(() => 0, 1000)`));
    const running = containment.run(nodeCommand(""), () => undefined);
    await expect(running).rejects.toMatchObject({
      code: "containment_ended",
      details: { reason: "deadline" },
    });
  });

  test("and claims success after an interrupt is not believed", async () => {
    const finished = { exitCode: 0, signal: null, durationMs: 1, errors: [], changes: {} };
    const source = `${hello}
      createInterface({ input: process.stdin }).on("line", (line) => setTimeout(() => say({ type: "finished",
        id: JSON.parse(line).id, outcome: { status: "succeeded", ...${JSON.stringify(finished)} } }), 700));`;
    const containment = await open(best, LONG_DEADLINE_MS, fakeRunner(source));
    const running = containment.run(nodeCommand(""), () => undefined);
    containment.interrupt(30_000);
    expect(await running).toMatchObject({ status: "interrupted", exitCode: 0 });
    expect(await containment.run(nodeCommand(""), () => undefined)).toMatchObject({ status: "succeeded" });
  });

  test("and dies in the middle of a request takes its containment with it", async () => {
    const file = join(folder.path, "beat");
    const source = `import { spawn } from "node:child_process"; ${hello}
      spawn(process.execPath, ["-e", ${JSON.stringify(beating(file, "setsid"))}], { detached: true, stdio: "ignore" });
      createInterface({ input: process.stdin }).on("line", () => setTimeout(() => process.exit(7), 800));`;
    const containment = await open(best, LONG_DEADLINE_MS, fakeRunner(source));
    const running = containment.run(nodeCommand(""), () => undefined);
    await expect(running).rejects.toMatchObject({ code: "containment_ended" });
    expect(await containment.ended).toEqual({ reason: "crashed", empty: true });
    await expectSilence(file);
  });

  test("and cannot start is an error that says where to look", async () => {
    const opening = open(best, LONG_DEADLINE_MS, { runner: join(folder.path, "missing.mjs") });
    await expect(opening).rejects.toMatchObject({
      code: "containment_failed",
      remedy: expect.stringContaining("guardian.log"),
    });
    expect(linesOf(join(folder.path, "attempt", "guardian.log")).join()).toContain("missing.mjs");
  });
});
