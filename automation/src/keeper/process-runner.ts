import { spawn } from "node:child_process";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { SlipwayError, systemCode } from "../errors.ts";
import { identify, isAlive, type ProcessIdentity } from "./process-identity.ts";

const STOP_POLL_INTERVAL_MS = 20;
const KILL_TIMEOUT_MS = 5000;
const INHERITED_VARIABLES = ["PATH", "HOME", "LANG", "TZ"] as const;

export interface StartOptions {
  command: readonly string[];
  cwd: string;
  port: number;
  environmentPath: string;
  /** Names in the environment file, which win over what is inherited. */
  environmentNames: readonly string[];
  logPath: string;
  /** What of the keeper's own environment may be passed on. */
  inherited: Readonly<Record<string, string | undefined>>;
}

export interface Started {
  identity: ProcessIdentity;
  /** Resolves when the process ends, with how: "exit code 1", "SIGKILL". Never rejects. */
  exited: Promise<string>;
}

/**
 * Starts a process that outlives the keeper: its own session, its output appended to a file. The configured environment goes
 * through a 0600 file, so that its values show neither in argv nor in /proc/<pid>/environ. Throws SlipwayError
 * `process_not_started` when the program cannot be executed.
 */
export async function startProcess(options: StartOptions): Promise<Started> {
  const [first = "", ...rest] = options.command;
  const isNode = first === "node";
  const log = await open(options.logPath, "a", 0o600);
  try {
    // Not execa: it takes no descriptor of a file, and a pipe through the keeper would break when the keeper dies.
    const child = spawn(
      isNode ? process.execPath : first,
      isNode ? [`--env-file=${options.environmentPath}`, ...rest] : rest,
      {
        cwd: options.cwd,
        detached: true,
        stdio: ["ignore", log.fd, log.fd],
        env: baseEnvironment(options),
      },
    );
    const { promise: exited, resolve } = Promise.withResolvers<string>();
    child.once("error", (failure) => resolve(failure.message));
    child.once("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
    const { pid } = child;
    if (pid === undefined) {
      throw new SlipwayError("process_not_started", `${first} could not be started: ${await exited}`);
    }
    // It may have ended already; then nothing has this identity, and `exited` tells.
    const identity = identify(pid) ?? { pid, startedAt: "", bootId: "", program: "" };
    return { identity, exited };
  } finally {
    await log.close();
  }
}

/** Ends a process: SIGTERM, after `graceMs` SIGKILL, then whatever it left in its process group. Returns when it is gone; at once when it already is. Throws SlipwayError `process_not_stopped` when not even SIGKILL ends it. */
export async function stopProcess(identity: ProcessIdentity, graceMs: number): Promise<void> {
  if (!isAlive(identity)) return;
  signalQuietly(identity.pid, "SIGTERM");
  if (!(await isGoneWithin(identity, graceMs))) signalQuietly(identity.pid, "SIGKILL");
  const gone = await isGoneWithin(identity, KILL_TIMEOUT_MS);
  // It led its own group, and was alive a moment ago, so that the number cannot yet be another's.
  signalQuietly(-identity.pid, "SIGKILL");
  if (!gone) throw new SlipwayError("process_not_stopped", `Process ${identity.pid} does not end.`);
}

async function isGoneWithin(identity: ProcessIdentity, milliseconds: number): Promise<boolean> {
  const deadline = performance.now() + milliseconds;
  while (isAlive(identity)) {
    if (performance.now() >= deadline) return false;
    await sleep(STOP_POLL_INTERVAL_MS);
  }
  return true;
}

function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (thrown) {
    // It ended between the look and the signal.
    if (systemCode(thrown) !== "ESRCH") throw thrown;
  }
}

function baseEnvironment(options: StartOptions): Record<string, string> {
  const base: Record<string, string> = {
    TMPDIR: tmpdir(),
    PORT: String(options.port),
    SLIPWAY_ENV_FILE: options.environmentPath,
  };
  for (const name of INHERITED_VARIABLES) {
    const value = options.inherited[name];
    if (value !== undefined) base[name] = value;
  }
  // Node does not let an environment file override what is already set.
  for (const name of options.environmentNames) delete base[name];
  return base;
}
