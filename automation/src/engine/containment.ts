import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { mkdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { messageOf, SlipwayError } from "../errors.ts";
import { findProcess } from "../process-table.ts";
import type { AttemptContainment, ContainmentEnd, ContainmentOptions } from "./attempt.ts";
import { type ContainmentHost, detectContainment } from "./containment-level.ts";
import { splitLines } from "./lines.ts";
import { type RequestOutcome, RunnerMessage } from "./runner-protocol.ts";

export { type ContainmentHost, detectContainment } from "./containment-level.ts";

/** Programs that tests put in the place of guardian and runner. */
export interface ContainmentPrograms {
  guardian?: string;
  runner?: string;
}

/** From spawn to `ready`; a busy machine needs a second. */
const READY_TIMEOUT_MS = 20_000;
/** A guardian that does not carry out an end within this time is killed, and takes the containment with it. */
const GUARDIAN_END_TIMEOUT_MS = 12_000;
/** One message of the runner, in characters. Engine events carry whole resource states; a runner gone mad sends more. */
const MAX_MESSAGE_CHARACTERS = 64 * 1024 * 1024;
const POLL_MS = 10;
/** How long to wait for the last bytes of a guardian that has exited. */
const DRAIN_MS = 500;

const GuardianReport = z.discriminatedUnion("type", [
  z.object({ type: z.literal("ready"), init: z.object({ pid: z.int(), startTime: z.string() }).nullable() }),
  z.object({ type: z.literal("interrupted") }),
  z.object({ type: z.literal("terminated") }),
  z.object({
    type: z.literal("ended"),
    reason: z.enum(["closed", "deadline", "lost-parent", "killed", "crashed"]),
    empty: z.boolean(),
  }),
]);

interface RunningRequest {
  id: string;
  onMessage: (message: RunnerMessage) => void;
  resolve: (outcome: RequestOutcome) => void;
  reject: (error: unknown) => void;
}

/**
 * Starts a guardian and, inside a containment, a runner, and resolves when the runner can take a request.
 * `host` and `programs` are for tests. Throws SlipwayError `containment_failed` when it does not come up.
 */
export async function openContainment(
  options: ContainmentOptions,
  host?: ContainmentHost,
  programs: ContainmentPrograms = {},
): Promise<AttemptContainment> {
  const means = host ?? (await detectContainment());
  await mkdir(options.attemptDir, { recursive: true, mode: 0o700 });
  const deadlineNs = absoluteDeadline(performance.now(), options.deadlineMs);
  const name = `slipway-${randomUUID()}`;
  const cgroup = means.cgroupParent === undefined ? undefined : join(means.cgroupParent, name);
  if (cgroup !== undefined) await mkdir(cgroup);
  const runner = programs.runner ?? fileURLToPath(new URL("../runner.ts", import.meta.url));
  const plan = {
    level: means.level,
    argv: [
      ...means.wrapper,
      options.nodePath,
      runner,
      options.attemptDir,
      ...(cgroup === undefined ? [] : [cgroup]),
    ],
    deadlineNs: String(deadlineNs),
    ...(cgroup === undefined ? {} : { cgroup }),
    ...(means.level === "weak" ? { mark: name, lookup: means.lookup ?? "proc" } : {}),
  };
  const log = openSync(join(options.attemptDir, "guardian.log"), "a", 0o600);
  const guardian = spawn(
    options.nodePath,
    [programs.guardian ?? fileURLToPath(new URL("../guardian.ts", import.meta.url)), JSON.stringify(plan)],
    // A session of its own: the Ctrl-C of a terminal is the worker's to handle.
    {
      stdio: ["pipe", "pipe", log, "pipe", "pipe"],
      env: options.compileCache === undefined ? {} : { NODE_COMPILE_CACHE: options.compileCache },
      cwd: "/",
      detached: true,
    },
  );
  closeSync(log);
  const containment = superviseContainment(guardian, means, cgroup);
  await containment.ready;
  return containment.attempt;
}

function superviseContainment(
  guardian: ChildProcess,
  means: ContainmentHost,
  cgroup: string | undefined,
): { attempt: AttemptContainment; ready: Promise<void> } {
  const [orders, reports, , requests, answers] = guardian.stdio as unknown as [
    Writable,
    Readable,
    null,
    Writable,
    Readable,
  ];
  // Writing to a guardian or runner that just ended is not an error of the worker: `ended` tells.
  for (const stream of [orders, requests]) stream.on("error", () => undefined);

  const ready = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<ContainmentEnd>();
  let init: { pid: number; startTime: string } | undefined;
  let reported: ContainmentEnd | undefined;
  let running: RunningRequest | undefined;
  let interrupted = false;
  /** The runner counts alike; by this number guardian and runner know which request an interrupt is for. */
  let requestCount = 0;
  let isOver = false;
  let isFinishing = false;
  let isAsked = false;
  const waiting = { guardian: false, runner: false };
  let tellRung: (rung: "interrupted" | "terminated") => void = () => undefined;
  const guardianAt = guardian.pid === undefined ? undefined : findProcess(guardian.pid);

  const order = (line: string): void => {
    if (!isOver) orders.write(`${line}\n`);
  };
  const finish = (end: ContainmentEnd): void => {
    isOver = true;
    clearTimeout(readyTimer);
    orders.destroy();
    requests.destroy();
    answers.destroy();
    const error = new SlipwayError("containment_ended", `The containment ended: ${end.reason}.`, {
      details: { ...end },
    });
    running?.reject(error);
    running = undefined;
    ready.reject(
      new SlipwayError("containment_failed", "The runner did not start.", {
        cause: error,
        remedy: "Read guardian.log in the attempt's folder.",
      }),
    );
    ended.resolve(end);
  };
  const becomeReady = (): void => {
    if (!waiting.guardian || !waiting.runner) return;
    clearTimeout(readyTimer);
    ready.resolve();
  };
  const askForEnd = (word: "kill" | "close"): void => {
    order(word);
    if (isAsked) return;
    isAsked = true;
    const timer = setTimeout(() => guardian.kill("SIGKILL"), GUARDIAN_END_TIMEOUT_MS);
    void ended.promise.then(() => clearTimeout(timer));
  };
  const readyTimer = setTimeout(() => askForEnd("kill"), READY_TIMEOUT_MS);

  const reportLines = splitLines((line) => {
    const message = GuardianReport.parse(JSON.parse(line));
    if (message.type === "ready") {
      init = message.init ?? undefined;
      waiting.guardian = true;
      becomeReady();
    } else if (message.type === "ended") reported = { reason: message.reason, empty: message.empty };
    else tellRung(message.type);
  });
  reports.setEncoding("utf8").on("data", reportLines.push);
  guardian.on("error", (error) => {
    ready.reject(new SlipwayError("containment_failed", messageOf(error), { cause: error }));
    finish({ reason: "crashed", empty: true });
  });
  const guardianIsGone = (): void => {
    if (isOver || isFinishing) return;
    isFinishing = true;
    if (reported !== undefined) finish(reported);
    else
      void waitUntilEmpty(init, cgroup).then(
        (empty) => finish({ reason: "crashed", empty }),
        () => finish({ reason: "crashed", empty: false }),
      );
  };
  guardian.on("close", guardianIsGone);
  // A process that got out of a weak containment may hold our pipes open.
  guardian.on("exit", () => setTimeout(guardianIsGone, DRAIN_MS));

  const answer = (line: string): void => {
    let message: RunnerMessage;
    try {
      message = readMessage(JSON.parse(line));
    } catch {
      // Only something that is not our runner writes this; nothing it does can be trusted any more.
      askForEnd("kill");
      return;
    }
    if (message.type === "ready") {
      waiting.runner = true;
      becomeReady();
      return;
    }
    if (running === undefined || message.id !== running.id) return;
    if (message.type !== "finished") {
      running.onMessage(message);
      return;
    }
    // Whatever the exit code says: a program may catch the interrupt and end half-way with 0.
    const finished: RunnerMessage = interrupted
      ? { ...message, outcome: { ...message.outcome, status: "interrupted" } }
      : message;
    const request = running;
    running = undefined;
    interrupted = false;
    order(`settled ${requestCount}`);
    request.onMessage(finished);
    request.resolve(finished.outcome);
  };
  const answerLines = splitLines(answer, MAX_MESSAGE_CHARACTERS);
  answers.setEncoding("utf8").on("data", answerLines.push);
  answers.on("error", () => undefined);

  const attempt: AttemptContainment = {
    level: means.level,
    get processes() {
      // Only of a namespace the kernel ends all with its first process.
      if (means.level !== "pid-namespace" || init === undefined || guardianAt === undefined) return null;
      return {
        guardian: { pid: guardianAt.pid, startedAt: guardianAt.startedAt },
        init: { pid: init.pid, startedAt: init.startTime },
      };
    },
    onRung(listener) {
      tellRung = listener;
    },
    ended: ended.promise,
    run(request, onMessage) {
      if (isOver) {
        return Promise.reject(new SlipwayError("containment_ended", "The containment has already ended."));
      }
      if (running !== undefined) {
        return Promise.reject(new SlipwayError("containment_busy", "A request is already running."));
      }
      const outcome = Promise.withResolvers<RequestOutcome>();
      requestCount += 1;
      running = { id: request.id, onMessage, resolve: outcome.resolve, reject: outcome.reject };
      requests.write(`${JSON.stringify(request)}\n`);
      return outcome.promise;
    },
    renew(askedAtMonotonicMs, remainingMs) {
      order(`renew ${absoluteDeadline(askedAtMonotonicMs, remainingMs)}`);
    },
    interrupt(graceMs) {
      if (running === undefined || interrupted) return;
      interrupted = true;
      order(`interrupt ${Math.round(graceMs)} ${requestCount}`);
    },
    kill: () => askForEnd("kill"),
    close() {
      askForEnd("close");
      return ended.promise;
    },
  };
  return { attempt, ready: ready.promise };
}

/** An event or line of output comes by the thousand: its few fields are looked at here, and whoever uses the event checks what is in it. */
function readMessage(value: unknown): RunnerMessage {
  const { type, id, event, stream, line } = value as Record<string, unknown>;
  if (type === "engine-event" && typeof id === "string" && typeof event === "object" && event !== null)
    return { type, id, event: event as Record<string, unknown> };
  if (type === "output" && typeof id === "string" && typeof line === "string")
    if (stream === "stdout" || stream === "stderr") return { type, id, stream, line };
  return RunnerMessage.parse(value);
}

/** Turns a moment of this process's performance.now into one of process.hrtime, which the guardian's clock shares. */
function absoluteDeadline(fromMonotonicMs: number, remainingMs: number): bigint {
  const leftMs = fromMonotonicMs + remainingMs - performance.now();
  return process.hrtime.bigint() + BigInt(Math.round(leftMs * 1_000_000));
}

/** After the guardian died without a word: waits for the kernel to end the containment with it. */
async function waitUntilEmpty(
  init: { pid: number; startTime: string } | undefined,
  cgroup: string | undefined,
): Promise<boolean> {
  const giveUpAt = performance.now() + GUARDIAN_END_TIMEOUT_MS;
  while (performance.now() < giveUpAt) {
    if (init !== undefined && !(await isAlive(init))) return true;
    if (cgroup !== undefined && (await emptyCgroup(cgroup))) return true;
    if (init === undefined && cgroup === undefined) return false;
    await pause(POLL_MS);
  }
  return false;
}

async function isAlive(known: { pid: number; startTime: string }): Promise<boolean> {
  const stat = await readFile(`/proc/${known.pid}/stat`, "latin1").catch(() => undefined);
  if (stat === undefined) return false;
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] !== "Z" && fields[0] !== "X" && fields[19] === known.startTime;
}

/** Kills what is left in a cgroup and removes it once it is empty; true then. */
async function emptyCgroup(folder: string): Promise<boolean> {
  await writeFile(join(folder, "cgroup.kill"), "1");
  const events = await readFile(join(folder, "cgroup.events"), "latin1");
  if (!/^populated 0$/mu.test(events)) return false;
  await rmdir(folder);
  return true;
}
