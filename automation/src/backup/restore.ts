import type pg from "pg";
import type { StartConfig } from "../config.ts";
import { readMigrations, refuseNewerSchema } from "../database/migrations.ts";
import { databaseOn } from "../database.ts";
import { openKeyring } from "../secrets/open-keyring.ts";
import { openDataFolder } from "../start/data-folder.ts";
import { startDatabase } from "../start/database.ts";
import { copyIn } from "./copy-stream.ts";
import { damagedBackup } from "./damaged.ts";
import { eachPart } from "./each-part.ts";
import type { Examined } from "./examine.ts";
import { examineBackup } from "./examine.ts";
import { connectTo } from "./find-database.ts";
import type { Counts } from "./manifest.ts";
import type { Ended } from "./past.ts";
import { leavePast } from "./past.ts";
import type { FilePlacer } from "./place-files.ts";
import { filePlacer } from "./place-files.ts";
import type { OpenedBackup } from "./read-parts.ts";
import { openBackup } from "./read-parts.ts";
import { applyMigrations, openForLoading, requireEmptyDatabase, setSequences } from "./restore-store.ts";
import { copyStatement } from "./snapshot-store.ts";

/** What a restore is asked for. */
export interface RestoreOptions {
  /** Absolute. */
  from: string;
  /** Null: none was given. */
  passphrase: string | null;
  /** Leaves installed dependencies out. */
  withoutDependencies: boolean;
  onProgress(message: string): void;
}

/** What a backup holds, or what was restored from it. */
export interface BackupSummary {
  file: string;
  createdAt: string;
  slipway: string;
  schemaVersion: number;
  encrypted: boolean;
  wrappingKeys: { id: string; included: boolean }[];
  counts: Counts;
}

/** What a restore has done. */
export interface RestoreReport extends BackupSummary {
  /** Of the database now. */
  migratedTo: number;
  ended: Ended;
  seconds: number;
}

/**
 * Reads a backup from its beginning to its end and opens everything in it, without writing anything. Throws SlipwayError `passphrase_wrong`, `passphrase_missing`, `backup_damaged`,
 * `schema_too_new`, `key_unavailable`.
 */
export async function inspectBackup(
  config: StartConfig,
  options: Pick<RestoreOptions, "from" | "passphrase">,
): Promise<BackupSummary> {
  const opened = await openBackup(options.from, options.passphrase);
  return summaryOf(opened, await examine(opened, config));
}

/**
 * Puts a backup into an empty installation: all of it, or nothing. The file is read twice, so that nothing is begun with one that is damaged. Throws as `inspectBackup`, also
 * `already_running`, `in_use`, `not_empty`.
 */
export async function restore(config: StartConfig, options: RestoreOptions): Promise<RestoreReport> {
  const beganMs = performance.now();
  const opened = await openBackup(options.from, options.passphrase);
  options.onProgress("reading the backup and opening what is sealed in it");
  const examined = await examine(opened, config);
  const folder = openDataFolder(config.dataDir);
  try {
    const database = await startDatabase(config, options.onProgress, options.onProgress);
    try {
      const client = await connectTo(database.url, "slipway-restore");
      try {
        await requireEmptyDatabase(client);
        const { ended, version } = await load(client, config, options, opened, examined);
        const seconds = Math.round(performance.now() - beganMs) / 1000;
        return { ...summaryOf(opened, examined), migratedTo: version, ended, seconds };
      } finally {
        await client.end();
      }
    } finally {
      await database.stop();
    }
  } finally {
    folder.release();
  }
}

async function examine(opened: OpenedBackup, config: StartConfig): Promise<Examined> {
  const examined = await examineBackup(opened, config.keys);
  refuseNewerSchema(examined.head.schemaVersion, await readMigrations());
  return examined;
}

async function load(
  client: pg.Client,
  config: StartConfig,
  options: RestoreOptions,
  opened: OpenedBackup,
  examined: Examined,
): Promise<{ ended: Ended; version: number }> {
  const placer = filePlacer();
  const { head } = examined;
  const newest = (await readMigrations()).length;
  try {
    const ended = await databaseOn(client)
      .transaction()
      .execute(async (trx) => {
        await applyMigrations(client, 0, head.schemaVersion);
        const close = await openForLoading(client, head);
        await placer.keys(examined.keys, config.keys);
        await loadParts(client, config, options, opened, examined, placer);
        options.onProgress("checking what belongs together");
        await close();
        await setSequences(client, head);
        await applyMigrations(client, head.schemaVersion, newest);
        const keyring = await openKeyring({ db: trx, settings: config.keys });
        return leavePast(
          trx,
          { keyring },
          { backupAt: new Date(head.createdAt), details: { slipway: head.slipway } },
        );
      });
    return { ended, version: newest };
  } catch (error) {
    await placer.undo();
    throw error;
  }
}

async function loadParts(
  client: pg.Client,
  config: StartConfig,
  { onProgress, withoutDependencies }: RestoreOptions,
  opened: OpenedBackup,
  { head, rows }: Examined,
  placer: FilePlacer,
): Promise<void> {
  const left = new Set(head.tables.map(({ name }) => name));
  await eachPart(opened.pieces(), async (part, content) => {
    const [kind, name = ""] = part.split("/");
    if (kind === "tables") {
      const table = head.tables.find((one) => one.name === name);
      if (table === undefined || !left.delete(name))
        throw damagedBackup(`it holds ${part}, which it does not name`);
      onProgress(`table ${head.tables.length - left.size} of ${head.tables.length}: ${name}`);
      const loaded = await copyIn(client, copyStatement(client, table, "from stdin"), content);
      if (loaded !== rows[name]) throw damagedBackup(`${name} has ${loaded} rows, not ${rows[name]}`);
    } else if (kind === "dependencies" && !withoutDependencies) {
      onProgress(`dependencies ${name.slice(0, 12)}`);
      await placer.dependencies(config.dataDir, name, content);
    }
  });
  if (left.size > 0) throw damagedBackup(`it lacks ${[...left].join(", ")}`);
}

function summaryOf({ file, encrypted }: OpenedBackup, { head, counts, keys }: Examined): BackupSummary {
  const { createdAt, slipway, schemaVersion } = head;
  const wrappingKeys = head.wrappingKeys.map((id) => ({ id, included: keys.some((one) => one.id === id) }));
  return { file, createdAt, slipway, schemaVersion, encrypted, wrappingKeys, counts };
}
