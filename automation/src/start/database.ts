import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import type { Environment, StartConfig } from "../config.ts";
import { messageOf, SlipwayError } from "../errors.ts";
import { type PostgresServer, startPostgres } from "../postgres/embedded.ts";
import { checkExternalPostgres } from "../postgres/external.ts";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
const MIGRATE_TIMEOUT_MS = 600_000;

/** The database of a running Slipway, embedded or given. Both URLs are secrets. */
export interface StartedDatabase {
  url: string;
  keeperUrl: string;
  /** "PostgreSQL 18.4 of its own", for people. */
  description: string;
  stop(): Promise<void>;
}

/** Starts the embedded Postgres and keeps it running, or checks the one that DATABASE_URL names. */
export async function startDatabase(
  config: StartConfig,
  note: (text: string) => void,
  tell: (message: string) => void,
): Promise<StartedDatabase> {
  if (config.databaseUrl !== undefined) {
    const version = await checkExternalPostgres(config.databaseUrl);
    return {
      url: config.databaseUrl,
      keeperUrl: config.keeperDatabaseUrl ?? config.databaseUrl,
      description: `PostgreSQL ${version} of DATABASE_URL`,
      stop: () => Promise.resolve(),
    };
  }
  const options = { dataDir: `${config.dataDir}/postgres`, onProgress: note };
  const first = await startPostgres(options);
  const stopping = new AbortController();
  let current = first;
  const supervision = keepRunning(
    () => current,
    async () => {
      current = await startPostgres({ ...options, onProgress: tell });
      return current;
    },
    tell,
    stopping.signal,
  );
  return {
    url: first.url,
    keeperUrl: first.keeperUrl,
    description: `PostgreSQL ${first.version}, ${first.adopted ? "adopted" : "started"} on port ${first.port}`,
    stop: async () => {
      stopping.abort();
      await supervision;
      await current.stop();
    },
  };
}

async function keepRunning(
  current: () => PostgresServer,
  again: () => Promise<PostgresServer>,
  tell: (message: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const stopped = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  let pauseMs = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    await Promise.race([current().exited, stopped]);
    if (signal.aborted) return;
    tell(`The database ended; starting it again. Its log: ${current().logFile}`);
    try {
      await again();
      tell("The database is running again.");
      pauseMs = FIRST_PAUSE_MS;
    } catch (error) {
      tell(`The database did not start: ${messageOf(error)} Trying again in ${pauseMs / 1000} s.`);
      await Promise.race([sleep(pauseMs, undefined, { ref: false }), stopped]);
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    }
  }
}

/** Brings the schema up to date in a process of its own. Throws SlipwayError `migration_failed` with what it printed last. */
export async function migrateDatabase(
  argv: readonly [string, ...string[]],
  env: Environment,
  url: string,
  signal: AbortSignal,
): Promise<void> {
  const [program, ...rest] = argv;
  try {
    await execa(program, rest, {
      env: { ...env, DATABASE_URL: url },
      extendEnv: false,
      stdin: "ignore",
      timeout: MIGRATE_TIMEOUT_MS,
      cancelSignal: signal,
    });
  } catch (cause) {
    const printed = cause instanceof Error && "stderr" in cause ? String(cause.stderr).trim() : "";
    throw new SlipwayError("migration_failed", printed === "" ? messageOf(cause) : printed, { cause });
  }
}
