import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { systemClock } from "./clock.ts";
import { messageOf, SlipwayError } from "./errors.ts";
import { startKeeper } from "./keeper/instance.ts";
import { createLogger } from "./logger.ts";

/**
 * The keeper's process: `node automation/src/keeper.ts [--data-dir <folder>]`. Environment: SLIPWAY_DATA_DIR (default .slipway),
 * SLIPWAY_LOG_LEVEL, and for `Database` resources SLIPWAY_KEEPER_DATABASE_URL or SLIPWAY_KEEPER_DATABASE_URL_FILE, a 0600 file.
 * One JSON line `{"ready":true,...}` on stdout says that it listens; every other line there is its log. SIGTERM or SIGINT stops it
 * and what it runs; exit code 0. It exits 1 with one sentence on stderr when it cannot start.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { "data-dir": { type: "string" } } });
  const dataDir = resolve(values["data-dir"] ?? process.env.SLIPWAY_DATA_DIR ?? ".slipway");
  const logger = createLogger("keeper", process.env.SLIPWAY_LOG_LEVEL ?? "info");
  const keeper = await startKeeper({
    dataDir,
    adminDatabaseUrl: await adminDatabaseUrl(),
    inherited: process.env,
    logger,
    clock: systemClock,
  });
  process.stdout.write(`${JSON.stringify({ ready: true, socket: keeper.socketPath, ...keeper.status() })}\n`);

  let stopping = false;
  const stop = (signal: string) => {
    // Ctrl-C reaches this process and its parent, which passes it on: the second signal is the same wish.
    if (stopping) return;
    stopping = true;
    logger.info({ signal }, "stopping");
    keeper.stop().then(
      () => process.exit(0),
      (err: unknown) => {
        logger.error({ err }, "the keeper did not stop cleanly");
        process.exit(1);
      },
    );
  };
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, stop);
}

async function adminDatabaseUrl(): Promise<string | undefined> {
  const file = process.env.SLIPWAY_KEEPER_DATABASE_URL_FILE;
  if (file !== undefined && file !== "") return (await readFile(file, "utf8")).trim();
  return process.env.SLIPWAY_KEEPER_DATABASE_URL;
}

try {
  await main();
} catch (thrown) {
  const remedy = thrown instanceof SlipwayError && thrown.remedy !== undefined ? ` ${thrown.remedy}` : "";
  process.stderr.write(`The keeper cannot start: ${messageOf(thrown)}${remedy}\n`);
  process.exit(1);
}
