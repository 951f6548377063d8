import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import type { Database } from "./database.ts";
import { isConnectionFailure } from "./errors.ts";
import { type Migration, migrate } from "./migrations.ts";

const RETRY_MS = 250;
const GIVE_UP_AFTER_MS = 10_000;

/** Migrates the schema, and waits a while for a database that is still starting. Throws the last error, or when aborted. */
export async function prepareDatabase(
  db: Database,
  migrations: readonly Migration[],
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + GIVE_UP_AFTER_MS;
  for (;;) {
    try {
      const applied = await migrate(db, migrations);
      if (applied.length > 0) logger.info({ applied }, "migrations applied");
      return;
    } catch (error) {
      if (!isConnectionFailure(error) || performance.now() > deadline) throw error;
      logger.info("the database cannot be reached yet");
      await delay(RETRY_MS, undefined, { signal });
    }
  }
}
