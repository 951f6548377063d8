import { spawn } from "node:child_process";
import { StringDecoder } from "node:string_decoder";
import { setTimeout as pause } from "node:timers/promises";
import { messageOf } from "../errors.ts";
import { splitLines } from "./lines.ts";
import type { Redactor } from "./redact.ts";
import type { Supervision } from "./supervision.ts";

/** A program to run to its end. */
export interface ChildProgram {
  argv: readonly string[];
  cwd: string;
  /** The whole environment; nothing is inherited. */
  env: Readonly<Record<string, string>>;
  timeoutMs?: number;
  /** Whom an interrupt is sent to. */
  interrupts: "process" | "group";
  redactor: Redactor;
  /** Streams that nobody reads go nowhere, so that neither side spends anything on them. Both when absent. */
  reads?: readonly ("stdout" | "stderr")[];
  onLine: (stream: "stdout" | "stderr", line: string) => void;
}

export interface ChildEnd {
  exitCode: number | null;
  signal: string | null;
  timedOut: boolean;
  /** Set when the program could not be started at all. */
  startError?: string;
}

/** Between SIGTERM and SIGKILL of a program whose time is up. */
const TIMEOUT_GRACE_MS = 3_000;
/** After the exit, how long output may still arrive from a grandchild that holds the pipes. */
const DRAIN_MS = 500;

/**
 * Runs a program in a process group of its own, hands on its output line by line without secrets, and resolves when it has
 * ended and its output is read. Whatever it left in its process group is killed. Never throws.
 */
export async function runChild(program: ChildProgram, supervision: Supervision): Promise<ChildEnd> {
  const [file = "", ...args] = program.argv;
  const read = program.reads ?? (["stdout", "stderr"] as const);
  const child = spawn(file, args, {
    cwd: program.cwd,
    env: { ...program.env, ...supervision.extraEnvironment },
    stdio: [
      "ignore",
      read.includes("stdout") ? "pipe" : "ignore",
      read.includes("stderr") ? "pipe" : "ignore",
    ],
    detached: true,
  });
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const outputs = read.map((name) => {
    const lines = splitLines((line) => program.onLine(name, line));
    const clean = program.redactor.stream(lines.push);
    const decoder = new StringDecoder("utf8");
    child[name]?.on("data", (chunk: Buffer) => clean.push(decoder.write(chunk)));
    return () => {
      clean.push(decoder.end());
      clean.end();
      lines.end();
    };
  });

  let timedOut = false;
  const end = await new Promise<ChildEnd>((resolve) => {
    const timers: NodeJS.Timeout[] = [];
    child.once("error", (error) => {
      // Also emitted for a signal that could not be sent; only a program without a number was never started.
      if (child.pid !== undefined) return;
      for (const timer of timers) clearTimeout(timer);
      resolve({
        exitCode: null,
        signal: null,
        timedOut,
        startError: program.redactor.text(messageOf(error)),
      });
    });
    const { pid } = child;
    if (pid === undefined) return;
    supervision.childStarted(pid, program.interrupts);
    if (program.timeoutMs !== undefined) {
      const onTimeout = (): void => {
        timedOut = true;
        killGroup(pid, "SIGTERM");
        timers.push(setTimeout(() => killGroup(pid, "SIGKILL"), TIMEOUT_GRACE_MS));
      };
      timers.push(setTimeout(onTimeout, program.timeoutMs));
    }
    child.once("exit", (exitCode, signal) => {
      for (const timer of timers) clearTimeout(timer);
      supervision.childEnded();
      killGroup(pid, "SIGKILL");
      resolve({ exitCode, signal, timedOut });
    });
  });
  if (end.startError === undefined) await Promise.race([closed, pause(DRAIN_MS, undefined, { ref: false })]);
  child.stdout?.destroy();
  child.stderr?.destroy();
  for (const finish of outputs) finish();
  return end;
}

function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // Nobody is left in the group.
  }
}
