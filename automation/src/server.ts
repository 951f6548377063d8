import { ensureOwnerToken } from "./access/owner-token.ts";
import { buildApp } from "./app.ts";
import { watchApprovals } from "./approvals/watch.ts";
import { openContentStore } from "./artifacts/content-store.ts";
import { uploadEarlierFiles } from "./artifacts/upload-earlier.ts";
import { systemClock } from "./clock.ts";
import { readServerConfig } from "./config.ts";
import { checkSchema, readMigrations } from "./database/migrations.ts";
import { Notifications } from "./database/notifications.ts";
import { openDatabase } from "./database.ts";
import { advanceDeliveries } from "./deliveries/advance.ts";
import { DEPLOYMENT_CHANNEL } from "./deployments/events-store.ts";
import { foldersToWatch, openDiskGuard } from "./disk/guard.ts";
import { tellOfDisk } from "./disk/tell.ts";
import { openBoss } from "./dispatch/boss.ts";
import { shareBoss } from "./dispatch/shared-boss.ts";
import { keepDrift } from "./drift/keep.ts";
import { messageOf, SlipwayError, systemCode } from "./errors.ts";
import { createLogger } from "./logger.ts";
import { detectDoubleExecutions } from "./monitoring/detector.ts";
import { Progress } from "./monitoring/progress.ts";
import { openTracing } from "./monitoring/tracing.ts";
import { RETRY_POLICY } from "./notifications/rules.ts";
import { destinationSealing } from "./notifications/sealing.ts";
import { superviseNotifications } from "./notifications/service.ts";
import { collectHourly } from "./retention/collect.ts";
import { runDueSchedules } from "./schedules/run-due.ts";
import { openKeyring } from "./secrets/open-keyring.ts";
import { reapExpiredUpdates } from "./state/reap.ts";
import { version } from "./version.ts";

/** Open requests get so long to end after a signal. */
const CLOSE_TIMEOUT_MS = 10_000;
/** Loops of a few seconds' period: one that has not come through for so long hangs, or the database does. */
const STALLED_LOOP_MS = 60_000;
/** A pass reads whole sources. */
const STALLED_SCHEDULES_MS = 600_000;

try {
  await serve();
} catch (error) {
  const remedy = error instanceof SlipwayError && error.remedy !== undefined ? ` ${error.remedy}` : "";
  console.error(`The server cannot start: ${describe(error)}${remedy}`);
  process.exit(1);
}

async function serve(): Promise<void> {
  const config = readServerConfig();
  const logger = createLogger("server", config.logLevel);
  const { db, close } = openDatabase(config.databaseUrl, {
    applicationName: "slipway-server",
    onIdleError: (error) => logger.warn({ err: error }, "an idle database connection broke"),
  });
  const notifications = new Notifications(config.databaseUrl, {
    channel: DEPLOYMENT_CHANNEL,
    applicationName: "slipway-server-listen",
    onError: (message) => logger.warn(message),
  });
  const migrations = await readMigrations();
  await checkSchema(db, migrations);
  const keyring = await openKeyring({ db, settings: config.keys });
  if ((await ensureOwnerToken(db, config.ownerTokenFile, systemClock.now())) === "elsewhere")
    logger.info(
      { file: config.ownerTokenFile },
      "the owner's token lies in the data folder of another server; to replace it, create this file empty and start again",
    );
  const artifacts = await openContentStore(config.dataDir, db);
  notifications.start();
  const jobs = shareBoss(() => openBoss(config.databaseUrl, { logger, role: "server" }), { logger });
  const disk = openDiskGuard({ folders: foldersToWatch(config.dataDir), minimum: config.diskMinimum });
  const progress = new Progress();
  const tracing = await openTracing(config.tracing, { service: "slipway-server", version });
  const app = await buildApp({
    db,
    progress,
    tracing,
    disk,
    dataDir: config.dataDir,
    clock: systemClock,
    logger,
    notifications,
    keyring,
    artifacts,
    projectRoots: config.projectRoots,
    notificationSettings: {
      allowed: config.notifications.allowed,
      sendsEmail: config.notifications.smtp !== undefined,
    },
    consoleDir: config.consoleDir,
    hosts: { host: config.host, publicUrl: config.publicUrl },
    hints: jobs,
    schemaVersion: migrations.length,
    version,
  });

  const stopping = new AbortController();
  const reaping = reapExpiredUpdates(
    { db, keyring, logger, onPass: progress.watch("updates", STALLED_LOOP_MS) },
    stopping.signal,
  );
  const watching = disk.watch((status) => tellOfDisk(db, logger, status), stopping.signal);
  const deciding = watchApprovals(
    { db, keyring, logger, onPass: progress.watch("approvals", STALLED_LOOP_MS) },
    stopping.signal,
  );
  const collecting = collectHourly({ db, dataDir: config.dataDir, now: Date.now, logger }, stopping.signal);
  const uploading = uploadEarlierFiles({ db, artifacts, logger }, stopping.signal);
  const detecting = detectDoubleExecutions(
    { db, logger, onPass: progress.watch("detector", STALLED_LOOP_MS) },
    stopping.signal,
  );
  const scheduling = runDueSchedules(
    {
      db,
      keyring,
      clock: systemClock,
      logger,
      artifacts,
      hints: jobs,
      disk,
      projectRoots: config.projectRoots,
      onPass: progress.watch("schedules", STALLED_SCHEDULES_MS),
    },
    stopping.signal,
  );
  const keepingDrift = keepDrift(
    {
      db,
      keyring,
      clock: systemClock,
      logger,
      hints: jobs,
      onPass: progress.watch("drift", STALLED_LOOP_MS),
    },
    stopping.signal,
  );
  const notifying = superviseNotifications(
    // Not its to stop: requests still send jobs.
    async () => ({ ...(await jobs.opened), stop: async () => {} }),
    {
      ...{ db, logger, clock: systemClock, policy: RETRY_POLICY, random: Math.random },
      sealing: destinationSealing(keyring),
      network: { allowed: config.notifications.allowed },
      smtp: config.notifications.smtp,
      publicUrl: config.publicUrl,
      onPass: progress.watch("deliveries", STALLED_LOOP_MS),
    },
    stopping.signal,
  );
  const delivering = advanceDeliveries(
    {
      db,
      keyring,
      clock: systemClock,
      logger,
      artifacts,
      hints: jobs,
      disk,
      projectRoots: config.projectRoots,
      onPass: progress.watch("stack-deliveries", STALLED_SCHEDULES_MS),
    },
    stopping.signal,
  );
  let isStopping = false;
  const stop = (): void => {
    // A second signal (Ctrl-C reaches the whole process group) changes nothing.
    if (isStopping) return;
    isStopping = true;
    setTimeout(() => process.exit(1), CLOSE_TIMEOUT_MS).unref();
    const closeAll = async (): Promise<void> => {
      stopping.abort();
      await app.close();
      await Promise.all([
        deciding,
        reaping,
        watching,
        collecting,
        uploading,
        detecting,
        scheduling,
        delivering,
        keepingDrift,
        notifying,
      ]);
      await jobs.close();
      await notifications.stop();
      await tracing.close();
      await close();
    };
    closeAll().catch((error: unknown) => {
      logger.error({ err: error }, "closing failed");
      process.exitCode = 1;
    });
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  await app.listen({ host: config.host, port: config.port });
  const address = app.server.address();
  const port = typeof address === "object" && address !== null ? address.port : config.port;
  process.stdout.write(`${JSON.stringify({ ready: true, port })}\n`);
}

function describe(error: unknown): string {
  switch (systemCode(error)) {
    case "EADDRINUSE":
      return "the port is in use by another program (SLIPWAY_PORT).";
    case "EADDRNOTAVAIL":
      return "this machine does not have the address SLIPWAY_HOST.";
    case "EACCES":
    case "EROFS":
    case "ENOTDIR":
    case "EEXIST":
      return `the data folder cannot be written (${messageOf(error)}).`;
    case "ENOSPC":
      return `the disk is full (${messageOf(error)}).`;
    case "ECONNREFUSED":
      return "the database does not answer (DATABASE_URL).";
    default:
      return messageOf(error);
  }
}
