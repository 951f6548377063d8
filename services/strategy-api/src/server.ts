import { randomUUID } from "node:crypto";
import { buildApp } from "./app.ts";
import { migrationsFolder, readIdentity } from "./bundle.ts";
import { ConfigError, readConfig } from "./config.ts";
import { openDatabase } from "./database.ts";
import { isConnectionFailure } from "./errors.ts";
import { createLogger } from "./logger.ts";
import { createStreamRegistry } from "./market-data/streams.ts";
import { readMigrations } from "./migrations.ts";
import { prepareDatabase } from "./start-database.ts";

const MAX_STREAMS = 200;
/** After this long a stop no longer waits for requests that are still running. */
const STOP_DEADLINE_MS = 1_500;

async function main(): Promise<void> {
  const config = readConfig();
  const identity = readIdentity();
  const version = config.versionOverride ?? identity.version;
  const logger = createLogger(config.logLevel);
  const migrations = readMigrations(migrationsFolder());
  const db = openDatabase(config.databaseUrl, logger);
  const stopping = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stopping.abort());

  await prepareDatabase(db, migrations, logger, stopping.signal);
  const app = await buildApp({
    db,
    logger,
    settings: { ...config, name: identity.name, version },
    migrations,
    streams: createStreamRegistry(MAX_STREAMS),
    now: () => new Date(),
    newId: randomUUID,
  });
  await app.listen({ host: config.host, port: config.port });
  logger.info({ version, environment: config.environment, executionMode: config.executionMode }, "ready");

  if (!stopping.signal.aborted) {
    await new Promise<void>((resolve) =>
      stopping.signal.addEventListener("abort", () => resolve(), { once: true }),
    );
  }
  logger.info("stopping");
  setTimeout(() => {
    logger.warn("requests were still running at the stop deadline and were cut off");
    process.exit(1);
  }, STOP_DEADLINE_MS).unref();
  await app.close();
  await db.end();
  logger.info("stopped");
}

/** One sentence for a start that failed in a foreseen way; anything else keeps its stack. */
function explain(error: unknown): string {
  if (error instanceof ConfigError) return error.message;
  if (!(error instanceof Error)) return String(error);
  if ("syscall" in error && error.syscall === "listen") return `Cannot listen: ${error.message}.`;
  if (isConnectionFailure(error)) return `The database cannot be reached: ${error.message}.`;
  return error.stack ?? error.message;
}

try {
  await main();
  process.exit(0);
} catch (error) {
  const wasStopped = error instanceof Error && error.name === "AbortError";
  if (!wasStopped) process.stderr.write(`strategy-api: ${explain(error)}\n`);
  process.exit(wasStopped ? 0 : 1);
}
