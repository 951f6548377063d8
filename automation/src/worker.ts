import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import path from "node:path";
import { resolveKeeperSocket } from "../../infra/providers/local/keeper-socket.ts";
import { openContentStore } from "./artifacts/content-store.ts";
import { uploadEarlierFiles } from "./artifacts/upload-earlier.ts";
import { systemClock } from "./clock.ts";
import type { WorkerConfig } from "./config.ts";
import { readWorkerConfig } from "./config.ts";
import { checkSchema, readMigrations } from "./database/migrations.ts";
import { Notifications } from "./database/notifications.ts";
import { openDatabase } from "./database.ts";
import { installerEnvironment } from "./dependencies/environment.ts";
import { openDependencyStore } from "./dependencies/install.ts";
import { WORK_CHANNEL } from "./deployments/events-store.ts";
import { foldersToWatch, openDiskGuard } from "./disk/guard.ts";
import { diskLow } from "./disk/rules.ts";
import { openBoss } from "./dispatch/boss.ts";
import { takeHints } from "./dispatch/hints.ts";
import { shareBoss } from "./dispatch/shared-boss.ts";
import type { PulumiInstallation } from "./engine/pulumi-cli/installation.ts";
import { resolvePulumi } from "./engine/pulumi-cli/resolve.ts";
import { readPulumiVersion } from "./engine/pulumi-cli/version.ts";
import { messageOf, SlipwayError } from "./errors.ts";
import type { Logger } from "./logger.ts";
import { createLogger } from "./logger.ts";
import { openTracing } from "./monitoring/tracing.ts";
import type { WorkerContext } from "./pipeline/context.ts";
import { startDispatcher } from "./pipeline/dispatcher.ts";
import type { KeeperWatch } from "./pipeline/keeper-watch.ts";
import { watchKeeper } from "./pipeline/keeper-watch.ts";
import { openServerRelay } from "./pipeline/server-relay.ts";
import { openKeyring } from "./secrets/open-keyring.ts";
import { version } from "./version.ts";

/** One Ctrl-C often arrives twice: from the terminal and through npm. */
const SAME_INTERRUPT_MS = 1_500;
const CANCEL_GRACE_MS = 30_000;

/*
 * Claims deployments and runs them. Prints one line `{"ready":true}` when it can take work. SIGTERM and SIGINT: claims nothing more and lets running attempts finish for the
 * drain time; after it, or at a second signal, interrupts the rest by the ladder; exits 0.
 */
try {
  await work();
} catch (error) {
  const remedy = error instanceof SlipwayError && error.remedy !== undefined ? ` ${error.remedy}` : "";
  process.stderr.write(`The worker cannot start: ${messageOf(error)}${remedy}\n`);
  process.exit(1);
}

async function work(): Promise<void> {
  const config = readWorkerConfig();
  const logger = createLogger("worker", config.logLevel);
  const { db, close } = openDatabase(config.databaseUrl, {
    applicationName: "slipway-worker",
    onIdleError: (error) => logger.warn({ error: messageOf(error) }, "an idle database connection broke"),
  });
  await checkSchema(db, await readMigrations());
  const notifications = new Notifications(config.databaseUrl, {
    channel: WORK_CHANNEL,
    applicationName: "slipway-worker-listen",
    onError: (message) => logger.warn(message),
  });
  const hostPath = process.env.PATH ?? "";
  const pulumi = await pulumiOf(config, logger);
  const enginePath = [pulumi.languageHostDir, path.dirname(pulumi.path), path.dirname(pulumi.nodePath)];
  const relay = await openServerRelay({ servers: config.serverUrls, logger });
  const disk = openDiskGuard({ folders: foldersToWatch(config.dataDir), minimum: config.diskMinimum });
  let keeper: KeeperWatch | undefined;
  const context: WorkerContext = {
    db,
    clock: systemClock,
    logger,
    workerId: randomUUID(),
    dataDir: config.dataDir,
    disk,
    artifacts: await openContentStore(config.dataDir, db),
    dependencies: await openDependencyStore(config.dataDir),
    keyring: await openKeyring({ db, settings: config.keys }),
    tracing: await openTracing(config.tracing, { service: "slipway-worker", version }),
    serverUrl: relay.url,
    nodePath: process.execPath,
    enginePath: enginePath.filter((folder) => folder !== undefined),
    pulumiPath: pulumi.path,
    pulumiVersion: await readPulumiVersion(pulumi.path, { PATH: hostPath, HOME: config.dataDir }),
    keeperSocket: () => config.keeperSocket ?? resolveKeeperSocket(config.dataDir),
    keeperId: () => keeper?.id() ?? null,
    hostPath,
    installerEnvironment: installerEnvironment(process.env),
    engineVariables: config.engineVariables,
    cancelGraceMs: CANCEL_GRACE_MS,
  };
  const dispatcher = await startDispatcher(context, {
    notifications,
    host: hostname(),
    concurrency: config.concurrency,
    drainMs: config.drainMs,
  });
  notifications.start();
  keeper = watchKeeper(context, dispatcher.wake);
  process.stdout.write(`${JSON.stringify({ ready: true, workerId: context.workerId })}\n`);

  // Only now: the first claim does not wait for it.
  const jobs = shareBoss(() => openBoss(config.databaseUrl, { logger, role: "worker" }), { logger });
  jobs.opened
    .then((boss) => takeHints(boss, dispatcher.wake))
    .catch((error: unknown) => logger.warn({ error: messageOf(error) }, "hints are not taken"));
  const stopping = new AbortController();
  const uploaded = uploadEarlierFiles({ db, artifacts: context.artifacts, logger }, stopping.signal);
  const watching = disk.watch(async (status) => {
    if (!status.low) return logger.info(status, "there is space for new work again");
    const { message, remedy } = diskLow(status);
    logger.warn({ ...status, remedy }, `no deployment is claimed: ${message}`);
  }, stopping.signal);
  const hurry = new AbortController();
  const stopAll = async (): Promise<void> => {
    stopping.abort();
    await jobs.close();
    await dispatcher.stop(hurry.signal);
    await Promise.all([uploaded, watching, keeper?.close()]);
    await relay.close();
    await context.tracing.close();
    await notifications.stop();
    await close();
  };
  let firstSignalAt: number | undefined;
  const stop = (signal: NodeJS.Signals): void => {
    if (firstSignalAt !== undefined) {
      if (signal === "SIGINT" && performance.now() - firstSignalAt < SAME_INTERRUPT_MS) return;
      logger.info({ signal }, "asked again: what still runs is interrupted");
      hurry.abort();
      return;
    }
    firstSignalAt = performance.now();
    logger.info(
      { signal, drainMs: config.drainMs },
      "claims nothing more, and ends when what runs has ended",
    );
    stopAll().then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error({ error: messageOf(error) }, "the worker did not stop in good order");
        process.exit(1);
      },
    );
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}

/** The CLI that the configuration names, else the one that `npm start` would find or obtain. */
async function pulumiOf(
  { pulumiPath, languageHostDir, engineNode }: WorkerConfig,
  logger: Logger,
): Promise<Pick<PulumiInstallation, "path" | "languageHostDir" | "nodePath">> {
  if (pulumiPath !== undefined) return { path: pulumiPath, languageHostDir, nodePath: engineNode };
  return resolvePulumi({
    env: process.env,
    nodePath: process.execPath,
    onProgress: (step, detail) => logger.info({ step }, detail),
  });
}
