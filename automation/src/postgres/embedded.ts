import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, renameSync, statSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf, SlipwayError } from "../errors.ts";
import type { ProcessInfo } from "../process-table.ts";
import { findProcess, isSameProcess } from "../process-table.ts";
import type { PostgresBinaries } from "./binaries.ts";
import { locateBinaries } from "./binaries.ts";
import { createCluster, hasCluster, POSTGRES_ENV } from "./cluster.ts";
import { type Credentials, loadCredentials } from "./credentials.ts";
import { explainFailure, tailOf } from "./failures.ts";
import type { PostgresFolders } from "./location.ts";
import { findFolders, prepareFolders } from "./location.ts";
import { choosePort } from "./port.ts";
import { isLivePostmaster, readPostmasterFile } from "./postmaster-file.ts";
import { connectionUrl, ensureRoles } from "./roles.ts";
import type { SystemUser } from "./unprivileged-user.ts";
import { chooseUser } from "./unprivileged-user.ts";

/** How long a start may take; recovery after a crash replays the log and is the long part. */
const START_TIMEOUT_MS = 120_000;
/** How long a start is tried again while remains of a killed server (its backends, its shared memory) still go away. */
const RETRY_FOR_MS = 15_000;
const POLL_MS = 20;
const RETRY_PAUSE_MS = 250;
/** After a fast stop was asked for; then it is killed, which costs a recovery at the next start but no data. */
const STOP_TIMEOUT_MS = 30_000;
const LOG_LIMIT_BYTES = 10 * 1024 * 1024;

export interface PostgresOptions {
  /** Folder of this Postgres alone, made when missing: `<data>/postgres`. */
  dataDir: string;
  /** Gets a sentence for each step that a person may have to wait for. */
  onProgress: (message: string) => void;
  /** Extra settings as `name=value`; tests use it. */
  settings?: readonly string[];
  /** Where the cluster goes when the unprivileged user cannot reach `dataDir`. */
  sharedBase?: string;
}

/** A running embedded Postgres. The three URLs are secrets. */
export interface PostgresServer {
  /** Role `slipway` on database `slipway`: for server, worker and migrations. */
  readonly url: string;
  /** Role `slipway_keeper` on database `postgres`: may create roles and databases. */
  readonly keeperUrl: string;
  /** The superuser on database `postgres`. */
  readonly adminUrl: string;
  readonly port: number;
  readonly pid: number;
  /** True when it was running already (left behind by a start that was killed). */
  readonly adopted: boolean;
  readonly version: string;
  readonly logFile: string;
  /** Resolves when the process is gone, whoever ended it. */
  readonly exited: Promise<void>;
  /** Stops it (fast: open transactions are rolled back) and waits until it is gone. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Starts the embedded Postgres on `dataDir`, makes the cluster first when there is none, or adopts the one that is already
 * running there. Throws SlipwayError `postgres_*`, `disk_full` or `data_dir_read_only` with a remedy.
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const probe = prepareFolders(options.dataDir, undefined, options.sharedBase);
  const user = chooseUser(probe.cluster);
  const folders = prepareFolders(options.dataDir, user, options.sharedBase);
  const binaries = locateBinaries(user, options.sharedBase ?? folders.home);
  const credentials = loadCredentials(folders.dir);
  if (!hasCluster(folders, binaries)) {
    options.onProgress(`Creating the database (PostgreSQL ${binaries.version})`);
    await createCluster(folders, binaries, user, credentials.admin);
  }
  const running = await open(folders, binaries, user, credentials, options);
  const { port } = running;
  let stopping: Promise<void> | undefined;
  return {
    url: connectionUrl(port, "slipway", credentials.server, "slipway"),
    keeperUrl: connectionUrl(port, "slipway_keeper", credentials.keeper, "postgres"),
    adminUrl: connectionUrl(port, "postgres", credentials.admin, "postgres"),
    port,
    pid: running.process.pid,
    adopted: running.child === undefined,
    version: binaries.version,
    logFile: folders.log,
    exited: running.child === undefined ? pollUntilGone(running.process) : exitOf(running.child),
    stop: () => {
      stopping ??= stopPostmaster(running.process);
      return stopping;
    },
  };
}

/** Adopts or launches, and proves that the credentials open it. */
async function open(
  folders: PostgresFolders,
  binaries: PostgresBinaries,
  user: SystemUser | undefined,
  credentials: Credentials,
  options: PostgresOptions,
): Promise<Running> {
  const giveUpAt = performance.now() + RETRY_FOR_MS;
  for (;;) {
    const running = (await adopt(folders)) ?? (await launch(folders, binaries, user, options));
    try {
      await ensureRoles(running.port, credentials);
      return running;
    } catch (cause) {
      await sleep(RETRY_PAUSE_MS);
      // A server that was just being killed looks alive for a moment longer.
      if (!isSameProcess(running.process) && performance.now() < giveUpAt) continue;
      if (running.child !== undefined) await stopPostmaster(running.process);
      throw new SlipwayError(
        "postgres_failed",
        `The database does not accept its own user: ${messageOf(cause)}.`,
        {
          cause,
          remedy: `Check that ${folders.dir}/credentials.json belongs to this database; its log is ${folders.log}.`,
        },
      );
    }
  }
}

interface Running {
  process: ProcessInfo;
  port: number;
  /** Undefined when the server was adopted. */
  child: ChildProcess | undefined;
}

async function adopt(folders: PostgresFolders): Promise<Running | undefined> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < deadline) {
    const file = readPostmasterFile(folders.cluster);
    if (file === undefined || !isLivePostmaster(file, folders.cluster)) return undefined;
    const info = findProcess(file.pid);
    if (file.status === "ready" && info !== undefined)
      return { process: info, port: file.port, child: undefined };
    // "starting" becomes ready, "stopping" goes away.
    await sleep(POLL_MS);
  }
  throw new SlipwayError(
    "postgres_failed",
    "A database is running on this data folder but does not become ready.",
    {
      remedy: `See ${folders.log}, and stop the process named in ${folders.cluster}/postmaster.pid.`,
    },
  );
}

async function launch(
  folders: PostgresFolders,
  binaries: PostgresBinaries,
  user: SystemUser | undefined,
  options: PostgresOptions,
): Promise<Running> {
  const giveUpAt = performance.now() + RETRY_FOR_MS;
  for (;;) {
    const port = await choosePort(folders.dir, options.onProgress);
    const attempt = await tryLaunch(folders, binaries, user, port, options.settings ?? []);
    if ("process" in attempt) return attempt;
    // Backends of a killed postmaster hold its shared memory until they notice; the port may have been taken since we looked.
    const passing = /lock file|shared memory block|could not bind|Address already in use/i.test(
      attempt.output,
    );
    if (!passing || performance.now() > giveUpAt) {
      throw explainFailure("start", folders.dir, attempt.output, attempt.exit);
    }
    await sleep(RETRY_PAUSE_MS);
  }
}

async function tryLaunch(
  folders: PostgresFolders,
  binaries: PostgresBinaries,
  user: SystemUser | undefined,
  port: number,
  settings: readonly string[],
): Promise<Running | { output: string; exit: string }> {
  const logStart = rotate(folders.log);
  const log = openSync(folders.log, "a", 0o600);
  const argv = ["-D", folders.cluster];
  const fixed = [`port=${port}`, "listen_addresses=127.0.0.1", "unix_socket_directories=", "timezone=UTC"];
  for (const setting of [...fixed, "log_timezone=UTC", "log_checkpoints=off", ...settings])
    argv.push("-c", setting);
  const child = spawn(binaries.postgres, argv, {
    cwd: "/",
    // A session of its own: Ctrl-C in the terminal reaches the whole foreground group, and would stop the database first.
    detached: true,
    // A file, never a pipe: whoever reads our output would otherwise wait for the database to end.
    stdio: ["ignore", log, log],
    env: { ...POSTGRES_ENV, ...staleHolder(folders) },
    ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
  });
  closeSync(log);
  let exit: string | undefined;
  child.once("error", (error) => {
    exit = messageOf(error);
  });
  child.once("exit", (code, signal) => {
    exit = signal ?? `exit ${code}`;
  });
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (exit === undefined) {
    const file = readPostmasterFile(folders.cluster);
    const info = child.pid === undefined ? undefined : findProcess(child.pid);
    if (info !== undefined && file?.pid === child.pid && file?.status === "ready") {
      // It outlives us on purpose: the next start adopts it.
      child.unref();
      return { process: info, port, child };
    }
    if (performance.now() > deadline) {
      child.kill("SIGQUIT");
      exit = `not ready after ${START_TIMEOUT_MS / 1000} s`;
    }
    await sleep(POLL_MS);
  }
  return { output: tailOf(folders.log, logStart), exit };
}

/**
 * postmaster.pid of a server that was killed names a pid which is now free, a zombie, or another program's. Postgres
 * refuses to start in the last two cases. It takes the pid in PG_GRANDPARENT_PID (set by pg_ctl) for one that cannot be a
 * postmaster and goes on to its other check, the shared memory; so the file itself never has to be deleted.
 */
function staleHolder(folders: PostgresFolders): Record<string, string> {
  const file = readPostmasterFile(folders.cluster);
  if (file === undefined || isLivePostmaster(file, folders.cluster)) return {};
  return { PG_GRANDPARENT_PID: String(file.pid) };
}

/** Moves a long log aside, keeping one older one, and answers the length of what is there now. */
function rotate(log: string): number {
  const size = statSync(log, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= LOG_LIMIT_BYTES) return size;
  renameSync(log, `${log}.1`);
  return 0;
}

async function stopPostmaster(info: ProcessInfo): Promise<void> {
  if (!isSameProcess(info)) return;
  process.kill(info.pid, "SIGINT");
  const deadline = performance.now() + STOP_TIMEOUT_MS;
  while (isSameProcess(info)) {
    if (performance.now() > deadline) {
      process.kill(info.pid, "SIGKILL");
      await pollUntilGone(info);
      return;
    }
    await sleep(POLL_MS);
  }
}

async function pollUntilGone(info: ProcessInfo): Promise<void> {
  while (isSameProcess(info)) await sleep(RETRY_PAUSE_MS, undefined, { ref: false });
}

function exitOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
  });
}

/** The URL of the embedded Postgres that runs on `dataDir` at the moment, without starting one; undefined when none does. */
export function runningPostgresUrl(dataDir: string): string | undefined {
  if (!existsSync(path.join(dataDir, "credentials.json"))) return undefined;
  const folders = findFolders(dataDir);
  const file = readPostmasterFile(folders.cluster);
  if (file === undefined || !isLivePostmaster(file, folders.cluster)) return undefined;
  return connectionUrl(file.port, "slipway", loadCredentials(folders.dir).server, "slipway");
}
