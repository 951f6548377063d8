import { randomBytes } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { CreateProcess, ProcessView } from "../../../infra/providers/local/contract.ts";
import { messageOf, SlipwayError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { BundleStore } from "./bundles.ts";
import { writeDurably } from "./durable-file.ts";
import { renderEnvironment } from "./environment-file.ts";
import { checkHealth, waitForHealth } from "./health.ts";
import { LOG_MAX_BYTES, rotateLog, tailLog } from "./logs.ts";
import type { Ports } from "./ports.ts";
import { currentBootId, identify, isAlive, ProcessIdentity } from "./process-identity.ts";
import { type Started, startProcess, stopProcess } from "./process-runner.ts";
import type { Records } from "./records.ts";

const SHOWN_LOG_LINES = 20;
/** Another program may take a free port between the moment it was found and the moment the process listens on it. */
const MAX_PORT_TRIES = 3;

/**
 * What the keeper remembers of a process. `starting`: its create has not been answered yet. `running`: it was healthy, and if
 * it is gone now, something outside ended it. `paused`: the keeper itself stopped it when it shut down.
 */
export const ProcessRecord = z.object({
  id: z.string(),
  name: z.string(),
  owner: z.string(),
  phase: z.enum(["starting", "running", "paused"]),
  bundleDigest: z.string(),
  command: z.array(z.string()),
  environmentNames: z.array(z.string()),
  healthPath: z.string(),
  healthTimeoutSeconds: z.number(),
  stopTimeoutSeconds: z.number(),
  port: z.int(),
  identity: ProcessIdentity.nullable(),
  startedAt: z.string(),
});
export type ProcessRecord = z.infer<typeof ProcessRecord>;

export interface ProcessesOptions {
  records: Records<ProcessRecord>;
  /** Folder for logs and environment files; 0700. */
  folder: string;
  bundles: BundleStore;
  ports: Ports;
  logger: Logger;
  now: () => Date;
  inherited: Readonly<Record<string, string | undefined>>;
}

/** The deployed processes of one keeper. It starts what it is told to start, and never by itself restarts what ended. */
export class Processes {
  readonly #options: ProcessesOptions;
  readonly #restorations = new Map<string, Promise<void>>();
  readonly #closing = new AbortController();

  constructor(options: ProcessesOptions) {
    this.#options = options;
  }

  /** Adopts what is still alive, undoes creates that were cut short, and starts what the keeper or the machine had stopped. Returns before the latter are healthy. */
  async restore(): Promise<void> {
    const { records, ports } = this.#options;
    await mkdir(join(this.#options.folder, "logs"), { recursive: true, mode: 0o700 });
    await mkdir(join(this.#options.folder, "environments"), { recursive: true, mode: 0o700 });
    for (const record of records.all()) {
      ports.reserve(record.port);
      if (record.phase === "starting") await this.#discard(record);
      else if (this.#isRunning(record)) await records.put({ ...record, phase: "running" });
      else if (record.phase === "paused" || record.identity?.bootId !== currentBootId()) {
        this.#restorations.set(record.id, this.#startAgain(record));
      }
    }
  }

  /** Resolves when every restored process is healthy or has failed. */
  async restored(): Promise<void> {
    await Promise.all(this.#restorations.values());
  }

  list(): ProcessRecord[] {
    return this.#options.records.all();
  }

  /** Undefined when the keeper has no such process. Waits for a restoration under way, which would otherwise look like drift. */
  async view(id: string): Promise<ProcessView | undefined> {
    await this.#restorations.get(id);
    const record = this.#options.records.get(id);
    return record && (await this.#viewOf(record));
  }

  /**
   * Starts a process and returns once it is healthy. Otherwise nothing of it is left, and SlipwayError `process_unhealthy`
   * carries the last lines of its log. Aborting `abandoned` undoes the create.
   */
  async create(input: CreateProcess, abandoned: AbortSignal): Promise<ProcessView> {
    const signal = AbortSignal.any([abandoned, this.#closing.signal]);
    await this.#options.bundles.ingest(input.bundle);
    const environment = renderEnvironment(input.environment);
    for (let attempt = 1; ; attempt += 1) {
      const record = await this.#prepare(input, environment);
      const failure = await this.#bringUp(record, signal);
      if (failure === null) {
        await this.#forgetDead(input.owner);
        return await this.#viewOf(this.#options.records.get(record.id) ?? record);
      }
      const lines = await tailLog(this.#logPath(record), SHOWN_LOG_LINES);
      await this.#discard(record);
      signal.throwIfAborted();
      const portTaken = lines.some((line) => line.includes("EADDRINUSE"));
      if (!portTaken || attempt >= MAX_PORT_TRIES) throw unhealthy(record, failure, lines);
    }
  }

  /** Stops a process and forgets it. Returns false when there is none. */
  async remove(id: string): Promise<boolean> {
    await this.#restorations.get(id);
    const record = this.#options.records.get(id);
    if (record === undefined) return false;
    await this.#discard(record);
    return true;
  }

  /** The record of the process that listens on a port, and null or the reason why it cannot serve. Undefined when the port is no process's. */
  async healthByPort(port: number, signal: AbortSignal): Promise<string | null | undefined> {
    const record = this.#options.records.all().find((candidate) => candidate.port === port);
    if (record === undefined) return undefined;
    await this.#restorations.get(record.id);
    const current = this.#options.records.get(record.id);
    if (current === undefined || !this.#isRunning(current)) return "is not running";
    return await checkHealth(healthUrl(current), signal);
  }

  /** Gives up every wait for health, so that stopping takes no longer than the processes need to end. */
  beginClosing(): void {
    this.#closing.abort(new SlipwayError("keeper_stopping", "The keeper is being stopped."));
  }

  /** Stops everything, to be started again by the next keeper. What had ended before stays ended. */
  async pause(): Promise<void> {
    this.beginClosing();
    await this.restored();
    const { records, logger } = this.#options;
    const outcomes = await Promise.allSettled(
      records
        .all()
        .filter((record) => this.#isRunning(record))
        .map(async (record) => {
          // Written first: a keeper that dies between the two must not take the stop for drift.
          await records.put({ ...record, phase: "paused" });
          await this.#stop(record);
        }),
    );
    for (const outcome of outcomes) {
      if (outcome.status === "rejected")
        logger.error({ err: outcome.reason }, "a process could not be stopped");
    }
  }

  async rotateLogs(): Promise<void> {
    for (const record of this.list()) await rotateLog(this.#logPath(record), LOG_MAX_BYTES);
  }

  async #prepare(input: CreateProcess, environment: string): Promise<ProcessRecord> {
    const record: ProcessRecord = {
      id: `${input.name}-${randomBytes(6).toString("hex")}`,
      name: input.name,
      owner: input.owner,
      phase: "starting",
      bundleDigest: input.bundle.digest,
      command: input.command,
      environmentNames: Object.keys(input.environment),
      healthPath: input.healthPath,
      healthTimeoutSeconds: input.healthTimeoutSeconds,
      stopTimeoutSeconds: input.stopTimeoutSeconds,
      port: await this.#options.ports.allocate(),
      identity: null,
      startedAt: this.#options.now().toISOString(),
    };
    await this.#options.records.put(record);
    await writeDurably(this.#environmentPath(record), environment);
    return record;
  }

  /** Starts a recorded process and waits until it is healthy: null, or why it is not. */
  async #bringUp(record: ProcessRecord, signal: AbortSignal): Promise<string | null> {
    const { records, logger, bundles } = this.#options;
    let started: Started;
    try {
      started = await startProcess({
        command: record.command,
        cwd: bundles.pathOf(record.bundleDigest),
        port: record.port,
        environmentPath: this.#environmentPath(record),
        environmentNames: record.environmentNames,
        logPath: this.#logPath(record),
        inherited: this.#options.inherited,
      });
    } catch (thrown) {
      return messageOf(thrown);
    }
    const startedAt = this.#options.now().toISOString();
    // Before the wait for health, so that a keeper that dies meanwhile still knows what to end.
    await records.put({ ...record, identity: started.identity, startedAt });
    const ended = new AbortController();
    void started.exited.then((how) => {
      ended.abort(how);
      logger.info({ process: record.id, pid: started.identity.pid, how }, "process ended");
    });
    const deadline = AbortSignal.timeout(record.healthTimeoutSeconds * 1000);
    const reason = await waitForHealth(healthUrl(record), AbortSignal.any([deadline, ended.signal, signal]));
    if (ended.signal.aborted) return `ended (${String(ended.signal.reason)}) before it was healthy`;
    if (reason !== null) return `${record.healthPath} ${reason} for ${record.healthTimeoutSeconds} s`;
    // Read again: a program may have replaced itself by another while it started.
    const identity = identify(started.identity.pid) ?? started.identity;
    await records.put({ ...record, phase: "running", identity, startedAt });
    logger.info({ process: record.id, pid: identity.pid, port: record.port }, "process is healthy");
    return null;
  }

  async #startAgain(record: ProcessRecord): Promise<void> {
    const { logger, records } = this.#options;
    try {
      const failure = await this.#bringUp(record, this.#closing.signal);
      if (failure === null) return;
      const current = records.get(record.id) ?? record;
      await this.#stop(current);
      // Still to be restored, by the keeper after this one.
      if (this.#closing.signal.aborted) return await records.put({ ...current, phase: "paused" });
      // From here on it is drift, as if it had been ended from outside.
      await records.put({ ...current, phase: "running" });
      logger.error({ process: record.id, reason: failure }, "process could not be restored");
    } catch (err) {
      logger.error({ process: record.id, err }, "process could not be restored");
    }
  }

  async #discard(record: ProcessRecord): Promise<void> {
    const current = this.#options.records.get(record.id) ?? record;
    await this.#stop(current);
    await rm(this.#environmentPath(current), { force: true });
    await rm(this.#logPath(current), { force: true });
    await rm(`${this.#logPath(current)}.1`, { force: true });
    await this.#options.records.remove(current.id);
    this.#options.ports.release(current.port);
  }

  /** A refresh drops a process that ended from the state without telling the keeper; its successor's create is when it can go. */
  async #forgetDead(owner: string): Promise<void> {
    for (const record of this.list()) {
      await this.#restorations.get(record.id);
      if (record.owner === owner && record.phase === "running" && !this.#isRunning(record)) {
        await this.#discard(record);
      }
    }
  }

  async #stop(record: ProcessRecord): Promise<void> {
    if (record.identity !== null) await stopProcess(record.identity, record.stopTimeoutSeconds * 1000);
  }

  #isRunning(record: ProcessRecord): boolean {
    return record.identity !== null && isAlive(record.identity);
  }

  async #viewOf(record: ProcessRecord): Promise<ProcessView> {
    return {
      id: record.id,
      name: record.name,
      owner: record.owner,
      running: this.#isRunning(record),
      url: `http://127.0.0.1:${record.port}`,
      port: record.port,
      pid: record.identity?.pid ?? 0,
      startedAt: record.startedAt,
      logPath: this.#logPath(record),
      command: record.command,
      bundleDigest: await this.#options.bundles.actualDigest(record.bundleDigest),
    };
  }

  #logPath(record: ProcessRecord): string {
    return join(this.#options.folder, "logs", `${record.id}.log`);
  }

  #environmentPath(record: ProcessRecord): string {
    return join(this.#options.folder, "environments", `${record.id}.env`);
  }
}

function healthUrl(record: ProcessRecord): string {
  return `http://127.0.0.1:${record.port}${record.healthPath}`;
}

function unhealthy(record: ProcessRecord, failure: string, lines: readonly string[]): SlipwayError {
  const log = lines.length === 0 ? "It logged nothing." : `Last lines of its log:\n${lines.join("\n")}`;
  return new SlipwayError("process_unhealthy", `Process ${record.name}: ${failure}. ${log}`);
}
