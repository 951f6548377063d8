import { chmod, lstat, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { KeeperStatus } from "../../../infra/providers/local/contract.ts";
import {
  chooseKeeperSocket,
  socketRecordPath,
  usualSocket,
} from "../../../infra/providers/local/keeper-socket.ts";
import type { Clock } from "../clock.ts";
import { SlipwayError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { tryLock } from "../start/lock.mjs";
import { version } from "../version.ts";
import { buildKeeperApp } from "./app.ts";
import { openBundleStore } from "./bundles.ts";
import { DatabaseRecord, Databases } from "./databases.ts";
import { EndpointRecord, Endpoints } from "./endpoints.ts";
import { readOrMakeIdentity } from "./identity.ts";
import { createPorts } from "./ports.ts";
import { Processes, ProcessRecord } from "./processes.ts";
import { openRecords } from "./records.ts";
import { SiteRecord, Sites } from "./sites.ts";

const LOG_ROTATION_INTERVAL_MS = 1000;

export interface KeeperOptions {
  /** Slipway's data folder; the keeper's own is `keeper` in it. */
  dataDir: string;
  /** Of a Postgres role that may create roles and databases. */
  adminDatabaseUrl: string;
  /** Where to listen; undefined for the data folder's own place. */
  socketPath: string | undefined;
  /** The keeper's environment, of which processes get PATH and a few more. */
  inherited: Readonly<Record<string, string | undefined>>;
  logger: Logger;
  clock: Clock;
}

export interface Keeper {
  socketPath: string;
  status(): KeeperStatus;
  /** Resolves when what was running at the last stop is healthy again, or has failed. */
  restored(): Promise<void>;
  /** Stops all processes, to be restored by the next keeper, and everything else of this one. */
  stop(): Promise<void>;
}

/** Starts the keeper of a data folder and resolves when it listens. Throws SlipwayError `keeper_already_running`, `record_unreadable`. */
export async function startKeeper(options: KeeperOptions): Promise<Keeper> {
  const { logger, clock } = options;
  const folder = join(options.dataDir, "keeper");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  const lock = tryLock(join(folder, "keeper.lock"));
  if ("holder" in lock) {
    throw new SlipwayError("keeper_already_running", `Process ${lock.holder} already keeps ${folder}.`, {
      remedy: "Stop it first, or use another data folder (SLIPWAY_DATA_DIR).",
    });
  }
  try {
    const id = await readOrMakeIdentity(folder);
    const bundleFolder = join(folder, "bundles");
    await mkdir(bundleFolder, { recursive: true, mode: 0o700 });
    const bundles = openBundleStore(bundleFolder);
    const ports = createPorts();
    const now = () => clock.now();
    const processes = new Processes({
      records: await openRecords(join(folder, "processes"), ProcessRecord),
      folder,
      bundles,
      ports,
      logger,
      now,
      inherited: options.inherited,
    });
    const sites = new Sites({
      records: await openRecords(join(folder, "sites"), SiteRecord),
      bundles,
      ports,
      logger,
      now,
    });
    const endpoints = new Endpoints({
      records: await openRecords(join(folder, "endpoints"), EndpointRecord),
      ports,
      logger,
      upstreamHealth: async (port, signal) =>
        sites.owns(port) ? sites.healthByPort(port) : await processes.healthByPort(port, signal),
    });
    const databases = new Databases({
      records: await openRecords(join(folder, "databases"), DatabaseRecord),
      adminUrl: options.adminDatabaseUrl,
    });
    await processes.restore();
    await sites.restore();
    await endpoints.restore();
    await bundles.collect(usedDigests(processes, sites));

    const startedAt = clock.now().toISOString();
    const status = (): KeeperStatus => ({
      id,
      pid: process.pid,
      version,
      startedAt,
      dataDir: options.dataDir,
      processes: processes.list().length,
      endpoints: endpoints.list().length,
      sites: sites.list().length,
      databases: databases.count(),
    });
    const app = buildKeeperApp({ processes, endpoints, sites, databases, status }, logger);
    const socketPath = await prepareSocket(options.dataDir, options.socketPath);
    await app.listen({ path: socketPath });
    await chmod(socketPath, 0o600);
    const rotation = setInterval(() => {
      processes.rotateLogs().catch((err: unknown) => logger.error({ err }, "logs could not be rotated"));
    }, LOG_ROTATION_INTERVAL_MS);

    return {
      socketPath,
      status,
      restored: () => processes.restored(),
      async stop() {
        clearInterval(rotation);
        processes.beginClosing();
        endpoints.beginClosing();
        await app.close();
        await endpoints.close();
        await sites.close();
        await processes.pause();
        await bundles.collect(usedDigests(processes, sites));
        await removeSocket(options.dataDir, socketPath);
        lock.release();
      },
    };
  } catch (thrown) {
    lock.release();
    throw thrown;
  }
}

/** Makes the socket's folder, 0700, and removes what a killed predecessor left; the lock says that it is dead. */
async function prepareSocket(dataDir: string, wanted: string | undefined): Promise<string> {
  const socketPath = wanted ?? chooseKeeperSocket(dataDir);
  const recordPath = socketRecordPath(dataDir);
  for (const folder of [dirname(recordPath), dirname(socketPath)]) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await refuseForeignFolder(folder);
    await chmod(folder, 0o700);
  }
  await rm(socketPath, { force: true });
  if (socketPath !== usualSocket(dataDir)) await writeFile(recordPath, `${socketPath}\n`, { mode: 0o600 });
  else await rm(recordPath, { force: true });
  return socketPath;
}

/** The short folder lies where everybody may write: someone else could have made it, and would own what is in it. */
async function refuseForeignFolder(folder: string): Promise<void> {
  const stat = await lstat(folder);
  if (stat.isDirectory() && stat.uid === process.getuid?.()) return;
  throw new SlipwayError("foreign_folder", `${folder} is not a folder of this user.`, {
    remedy: "Remove it, or use a data folder with a shorter path.",
  });
}

async function removeSocket(dataDir: string, socketPath: string): Promise<void> {
  await rm(socketPath, { force: true });
  await rm(socketRecordPath(dataDir), { force: true });
  const ownFolder = socketPath === chooseKeeperSocket(dataDir) && socketPath !== usualSocket(dataDir);
  if (ownFolder) await rm(dirname(socketPath), { recursive: true, force: true });
}

function usedDigests(processes: Processes, sites: Sites): Set<string> {
  return new Set([
    ...processes.list().map((record) => record.bundleDigest),
    ...sites.list().flatMap((record) => [record.bundleDigest, record.previousDigest ?? ""]),
  ]);
}
