import { systemClock } from "./clock.ts";
import { readKeeperConfig } from "./config.ts";
import { messageOf, SlipwayError } from "./errors.ts";
import { startKeeper } from "./keeper/instance.ts";
import { createLogger } from "./logger.ts";

/**
 * The keeper's process. Its environment is `readKeeperConfig`'s. One JSON line `{"ready":true,...}` on stdout says that it listens;
 * every other line there is its log. SIGTERM, SIGINT or SIGHUP stops it and what it runs, with exit code 0. It exits 1 with one
 * sentence on stderr when it cannot start, or not stop cleanly.
 */
async function main(): Promise<void> {
  const config = readKeeperConfig();
  const logger = createLogger("keeper", config.logLevel);
  // Before anything is started: a signal that comes first must not leave behind what was adopted meanwhile.
  const told = Promise.withResolvers<NodeJS.Signals>();
  // Ctrl-C reaches this process and its parent, which passes it on: the second signal is the same wish, and changes nothing.
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, told.resolve);
  const keeper = await startKeeper({
    dataDir: config.dataDir,
    socketPath: config.keeperSocket,
    adminDatabaseUrl: config.databaseUrl,
    inherited: process.env,
    logger,
    clock: systemClock,
  });
  process.stdout.write(`${JSON.stringify({ ready: true, socket: keeper.socketPath, ...keeper.status() })}\n`);

  logger.info({ signal: await told.promise }, "stopping");
  await keeper.stop();
  process.exit(0);
}

try {
  await main();
} catch (thrown) {
  const remedy = thrown instanceof SlipwayError && thrown.remedy !== undefined ? ` ${thrown.remedy}` : "";
  process.stderr.write(`The keeper cannot go on: ${messageOf(thrown)}${remedy}\n`);
  process.exit(1);
}
