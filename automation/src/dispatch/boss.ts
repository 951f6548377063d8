import type { JobWithMetadata, SendOptions } from "pg-boss";
import type { Transaction } from "../database.ts";
import { messageOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { BOSS_SCHEMA } from "./boss-schema.ts";
import type { QueueName } from "./queues.ts";

/** Connections of one process for jobs, beside the one that listens. */
const POOL_SIZE = 2;
const STOP_TIMEOUT_MS = 5_000;
const POLL_SECONDS = 2;
/** While pg-boss listens, its polling only makes up for what that misses. */
const POLL_WHILE_LISTENING_SECONDS = 10;

/** A job as its handler sees it. */
export interface Job {
  id: string;
  /** As it was sent; to be parsed by the handler. */
  data: unknown;
  /** How often it was tried before. */
  retries: number;
  /** Aborts when the job is no longer this process's: it took too long, or the process stops. */
  signal: AbortSignal;
}

export interface WorkOptions {
  /** Jobs of this queue at once in this process. Default 1. */
  concurrency?: number;
}

/** How often a job is tried, when, and for how long; see pg-boss's SendOptions. Cancelling is missing on purpose: a job that runs would free its key and run on. */
export type JobOptions = Pick<
  SendOptions,
  | "id"
  | "priority"
  | "startAfter"
  | "singletonKey"
  | "retryLimit"
  | "retryDelay"
  | "retryBackoff"
  | "retryDelayMax"
  | "expireInSeconds"
  | "deadLetter"
>;

/** Jobs of side work: hints, deliveries, cleaning. Nothing that must happen once may rest on it alone. */
export interface Boss {
  /** Inserts a job in the caller's transaction: it is there when that commits, and only then. Answers its id; null when a `singletonKey` made it unnecessary. */
  send(trx: Transaction, queue: QueueName, data: object, options?: JobOptions): Promise<string | null>;
  /** Hands each job of a queue to `handler` until `stop`. A rejection puts it back, up to its retries, then into its dead-letter queue. */
  work(queue: QueueName, handler: (job: Job) => Promise<void>, options?: WorkOptions): Promise<void>;
  /** Takes no more jobs, waits for running ones for some seconds, and closes the connections. */
  stop(): Promise<void>;
}

export interface BossOptions {
  logger: Pick<Logger, "warn">;
  /** `server`: also retries what expired, and removes what is old. Any number of servers share that. */
  role: "server" | "worker";
}

/**
 * Opens pg-boss on a database that was migrated. Loads the library only now. Throws when its tables are missing or of another version: `migrate` makes them,
 * never a process that races with others.
 */
export async function openBoss(databaseUrl: string, { logger, role }: BossOptions): Promise<Boss> {
  const { PgBoss, fromKysely } = await import("pg-boss");
  const boss = new PgBoss({
    connectionString: databaseUrl,
    schema: BOSS_SCHEMA,
    application_name: `slipway-${role}-jobs`,
    max: POOL_SIZE,
    useListenNotify: true,
    migrate: false,
    createSchema: false,
    supervise: role === "server",
    // Schedules are rows of our own.
    schedule: false,
  });
  boss.on("error", (error) => logger.warn({ error: messageOf(error) }, "a query for jobs failed"));
  boss.on("warning", ({ message }) => logger.warn({ warning: message }, "pg-boss warns"));
  try {
    await boss.start();
  } catch (error) {
    // Its pool is open already.
    await boss.stop({ graceful: false });
    throw error;
  }
  return {
    send: (trx, queue, data, options = {}) => boss.send(queue, data, { ...options, db: fromKysely(trx) }),
    async work(queue, handler, { concurrency = 1 } = {}) {
      const settings = {
        batchSize: 1,
        includeMetadata: true,
        localConcurrency: concurrency,
        pollingIntervalSeconds: POLL_SECONDS,
        notifyPollingIntervalSeconds: POLL_WHILE_LISTENING_SECONDS,
      } as const;
      await boss.work<unknown, void, typeof settings>(
        queue,
        settings,
        async (jobs: JobWithMetadata<unknown>[]) => {
          for (const { id, data, retryCount, signal } of jobs) {
            await handler({ id, data, retries: retryCount, signal });
          }
        },
      );
    },
    stop: () => boss.stop({ graceful: true, timeout: STOP_TIMEOUT_MS }),
  };
}
