import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, rmSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf, SlipwayError } from "../errors.ts";
import { writeDurably } from "../postgres/credentials.ts";
import { findProcess } from "../process-table.ts";
import { type LogFile, logFile } from "./log-file.ts";

/** A process that `npm start` keeps running. */
export interface ChildSpec {
  name: string;
  /** Program and arguments. */
  argv: readonly [string, ...string[]];
  env: Record<string, string>;
  cwd: string;
  /** From its start to its line {"ready":true}. */
  readyWithinMs: number;
  /** From SIGTERM to its end; then it is killed. */
  stopWithinMs: number;
}

/** Where the supervisor keeps what it knows, below the data folder. */
export interface ChildFolders {
  logs: string;
  /** One file a running child, so that a start after a kill finds what is left. */
  run: string;
}

export interface Supervised {
  readonly name: string;
  readonly logFile: string;
  /** Pid at the moment; undefined while it is down. */
  readonly pid: number | undefined;
  /** Throws SlipwayError `child_failed` with what its log says when it does not become ready this first time. */
  start(): Promise<void>;
  /** Asks it to stop, in whatever state it is, and waits until it is gone. Idempotent. */
  stop(): Promise<void>;
  /** Does not wait for a graceful end any longer. */
  hurry(): void;
}

const POLL_MS = 20;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** A child that ran this long was well: the next end counts as the first. */
const WELL_AFTER_MS = 60_000;
const ROTATE_EVERY_MS = 60_000;

/**
 * A child that is started by `start()`, which resolves once it has said that it is ready. From then on it is started again
 * whenever it ends, after a pause that doubles up to 30 s; `tell` gets a sentence each time.
 */
export function supervised(
  spec: ChildSpec,
  folders: ChildFolders,
  tell: (message: string) => void,
): Supervised {
  return new SupervisedChild(spec, folders, tell);
}

class SupervisedChild implements Supervised {
  readonly name: string;
  readonly #spec: ChildSpec;
  readonly #record: string;
  readonly #tell: (message: string) => void;
  readonly #log: LogFile;
  readonly #stopping = new AbortController();
  readonly #rotation: NodeJS.Timeout;
  #child: ChildProcess | undefined;
  /** How the present process ends. */
  #ended: Promise<string> = Promise.resolve("never started");
  #supervision: Promise<void> = Promise.resolve();
  #stopped: Promise<void> | undefined;

  constructor(spec: ChildSpec, folders: ChildFolders, tell: (message: string) => void) {
    this.name = spec.name;
    this.#spec = spec;
    this.#tell = tell;
    mkdirSync(folders.run, { recursive: true, mode: 0o700 });
    this.#record = path.join(folders.run, `${spec.name}.json`);
    this.#log = logFile(folders.logs, spec.name);
    this.#rotation = setInterval(() => this.#log.rotate(), ROTATE_EVERY_MS).unref();
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }
  get logFile(): string {
    return this.#log.path;
  }

  async start(): Promise<void> {
    try {
      await this.#launch();
    } catch (error) {
      clearInterval(this.#rotation);
      throw error;
    }
    this.#supervision = this.#keepRunning();
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stopOnce();
    return this.#stopped;
  }

  hurry(): void {
    this.#child?.kill("SIGKILL");
  }

  async #stopOnce(): Promise<void> {
    clearInterval(this.#rotation);
    this.#stopping.abort();
    this.#child?.kill("SIGTERM");
    const late = setTimeout(() => this.hurry(), this.#spec.stopWithinMs);
    await this.#ended;
    await this.#supervision;
    clearTimeout(late);
  }

  async #keepRunning(): Promise<void> {
    const { signal } = this.#stopping;
    let pauseMs = FIRST_PAUSE_MS;
    let began = performance.now();
    for (;;) {
      const how = await this.#ended;
      if (signal.aborted) return;
      if (performance.now() - began > WELL_AFTER_MS) pauseMs = FIRST_PAUSE_MS;
      const again = `starting it again in ${pauseMs / 1000} s`;
      this.#tell(`The ${this.name} ended (${how}); ${again}. Its log: ${this.logFile}`);
      try {
        await sleep(pauseMs, undefined, { signal });
      } catch {
        // The only reason for which this sleep ends early is that we are stopping.
        return;
      }
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      began = performance.now();
      try {
        await this.#launch();
        if (!signal.aborted) this.#tell(`The ${this.name} is running again.`);
      } catch (error) {
        this.#ended = Promise.resolve(messageOf(error));
      }
    }
  }

  /** Starts the process and waits until it is ready, or until we are stopping. */
  async #launch(): Promise<void> {
    this.#log.rotate();
    const offset = this.#log.size();
    const output = this.#log.open();
    const [program, ...rest] = this.#spec.argv;
    // A session of its own, so that Ctrl-C in the terminal reaches us alone and the order of stopping is ours.
    const child = spawn(program, rest, {
      cwd: this.#spec.cwd,
      env: this.#spec.env,
      stdio: ["pipe", output, output],
      detached: true,
    });
    closeSync(output);
    this.#child = child;
    // It may be gone before our end of the pipe is; that is reported by its end.
    child.stdin?.on("error", () => {});
    let how: string | undefined;
    this.#ended = new Promise<string>((resolve) => {
      const finish = (reason: string) => {
        how ??= reason;
        this.#child = undefined;
        rmSync(this.#record, { force: true });
        resolve(reason);
      };
      child.once("error", (error) => finish(messageOf(error)));
      child.once("exit", (code, signal) => finish(signal ?? `exit code ${code}`));
    });
    const info = child.pid === undefined ? undefined : findProcess(child.pid);
    if (info !== undefined) writeDurably(this.#record, `${JSON.stringify(info)}\n`);
    const deadline = performance.now() + this.#spec.readyWithinMs;
    while (how === undefined && !this.#stopping.signal.aborted) {
      if (saidReady(this.#log.read(offset))) return;
      if (performance.now() > deadline) {
        child.kill("SIGKILL");
        await this.#ended;
        how = `not ready after ${this.#spec.readyWithinMs / 1000} s`;
        break;
      }
      await sleep(POLL_MS);
    }
    if (how === undefined || this.#stopping.signal.aborted) return;
    const last = lastLine(this.#log.read(offset));
    throw new SlipwayError("child_failed", `The ${this.name} did not start (${how})${last}`, {
      remedy: `Its log: ${this.logFile}`,
    });
  }
}

function saidReady(text: string): boolean {
  // The contract of the children: one JSON line; it may stand among lines of their log.
  return text.split("\n").some((line) => line.startsWith("{") && /^\{"ready":\s*true\b/.test(line));
}

/** What the process said last, for a sentence: the message of a JSON log line, or a plain line. */
function lastLine(text: string): string {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const telling = lines.filter((line) => /error|cannot|could not|failed|"level":(50|60)/i.test(line));
  const line = telling[0] ?? lines.at(-1);
  if (line === undefined) return "";
  try {
    const { msg, err } = JSON.parse(line) as { msg?: unknown; err?: { message?: unknown } };
    return `: ${[msg, err?.message].filter((part) => typeof part === "string").join(": ")}`;
  } catch {
    // A plain line, not JSON.
    return `: ${line.trim()}`;
  }
}
