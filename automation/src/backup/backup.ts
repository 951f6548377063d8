import type pg from "pg";
import type { StartConfig } from "../config.ts";
import { SlipwayError } from "../errors.ts";
import { holdOffRetention } from "../retention/lock.ts";
import { version } from "../version.ts";
import { copyOut } from "./copy-stream.ts";
import { findDependencySets } from "./dependency-sets.ts";
import { examineBackup } from "./examine.ts";
import { connectTo, findDatabaseUrl, requireOwnSchema } from "./find-database.ts";
import { collectKeyFiles } from "./key-files.ts";
import type { Counts, Head, Keys, Manifest } from "./manifest.ts";
import { FORMAT } from "./manifest.ts";
import type { PassphraseCost } from "./passphrase.ts";
import { newKey, newOpenHeader, openKeyOf } from "./passphrase.ts";
import { openBackup } from "./read-parts.ts";
import { beginSnapshot, copyStatement, count, describe, lackingContents } from "./snapshot-store.ts";
import { tellFailure } from "./tell-failure.ts";
import type { PartsWriter } from "./write-parts.ts";
import { writeParts } from "./write-parts.ts";

/** What a backup is asked for. */
export interface BackupOptions {
  /** Absolute. Replaced when it is there. */
  to: string;
  /** Null: the file is not encrypted and holds no key. */
  passphrase: string | null;
  /** What a guess of the passphrase costs; left out: half a second and 128 MB. */
  cost?: PassphraseCost;
  /** Leaves the key files out. Needed without a passphrase when the keys are files. */
  withoutKeys: boolean;
  withoutDependencies: boolean;
  /** Reads the file again and opens everything in it. */
  verify: boolean;
  onProgress(message: string): void;
}

/** What was written. */
export interface BackupReport {
  file: string;
  bytes: number;
  createdAt: string;
  schemaVersion: number;
  encrypted: boolean;
  /** Wrapping keys that are needed to use it; those in the file are marked. */
  wrappingKeys: { id: string; included: boolean }[];
  counts: Counts;
  /** Sets of dependencies that could not be taken along. */
  leftOut: string[];
  verified: boolean;
  seconds: number;
}

/**
 * Writes the whole installation of a configuration into one file: every row of one instant, the key files, installed dependencies. Slipway may serve meanwhile. The file is complete
 * or not there. Throws SlipwayError `database_stopped`, `key_unavailable`, `passphrase_weak`, `backup_without_keys`, `artifact_missing`, `backup_damaged`.
 */
export async function backUp(config: StartConfig, options: BackupOptions): Promise<BackupReport> {
  const beganMs = performance.now();
  const databaseUrl = await findDatabaseUrl(config);
  const report = await writeFrom(databaseUrl, config, options).catch(async (error: unknown) => {
    // The failure itself is what counts: a database that takes no message may be why.
    await tellFailure(databaseUrl, options.to, error).catch(() => {});
    throw error;
  });
  const seconds = Math.round(performance.now() - beganMs) / 1000;
  return { ...report, verified: options.verify, seconds };
}

async function writeFrom(
  databaseUrl: string,
  config: StartConfig,
  options: BackupOptions,
): Promise<Omit<BackupReport, "verified" | "seconds">> {
  const client = await connectTo(databaseUrl, "slipway-backup");
  try {
    // Before the snapshot: what is collected after it was taken is still in it, but a set of dependencies is a folder.
    await holdOffRetention(client);
    await beginSnapshot(client);
    return await writeSnapshot(client, config, options);
  } finally {
    await client.end();
  }
}

async function writeSnapshot(
  client: pg.Client,
  config: StartConfig,
  options: BackupOptions,
): Promise<Omit<BackupReport, "verified" | "seconds">> {
  const found = await describe(client);
  await requireOwnSchema(found.schemaVersion);
  const head: Head = { format: FORMAT, slipway: version, ...found };
  const keys = await keysOf(config, head, options);
  const lacking = await lackingContents(client);
  if (lacking.length > 0) {
    throw new SlipwayError(
      "artifact_missing",
      `The database lacks the content of ${lacking.slice(0, 5).join(", ")}.`,
      {
        remedy:
          "Start the server once where the artifacts folder is: it puts what is missing into the database.",
      },
    );
  }
  const counts = await count(client);
  const sealing = options.passphrase === null ? null : await newKey(options.passphrase, options.cost);
  const leftOut: string[] = [];
  const open = newOpenHeader();
  const header = { slipway: "backup", format: FORMAT, encryption: sealing?.header ?? open } as const;
  const write = async (writer: PartsWriter): Promise<void> => {
    await writer.add("head", json(head));
    if (keys.files.length > 0) await writer.add("keys", json(keys));
    const rows = await writeTables(writer, client, head, options.onProgress);
    if (!options.withoutDependencies)
      leftOut.push(...(await writeDependencies(writer, config.dataDir, options)));
    const manifest: Manifest = { counts, rows, parts: { ...writer.parts } };
    await writer.add("manifest", json(manifest));
    // Nothing reads the database any more: it need not keep old rows for us while the file is read again.
    await client.query("commit");
  };
  const check = async (draft: string): Promise<void> => {
    if (!options.verify) return;
    options.onProgress("reading it again and opening what is sealed in it");
    await examineBackup(await openBackup(draft, options.passphrase), config.keys);
  };
  const bytes = await writeParts(options.to, header, sealing?.key ?? openKeyOf(open), write, check);
  return {
    file: options.to,
    bytes,
    createdAt: head.createdAt,
    schemaVersion: head.schemaVersion,
    encrypted: sealing !== null,
    wrappingKeys: head.wrappingKeys.map((id) => ({ id, included: keys.files.some((one) => one.id === id) })),
    counts,
    leftOut,
  };
}

/** Key files only go into a file that is encrypted: with them it opens every secret of the installation. */
async function keysOf(config: StartConfig, head: Head, options: BackupOptions): Promise<Keys> {
  const files = await collectKeyFiles(config.keys, head.wrappingKeys);
  if (options.withoutKeys) return { files: [] };
  if (options.passphrase === null && files.length > 0) {
    throw new SlipwayError(
      "backup_without_keys",
      "Without a passphrase the file may not hold the installation's key.",
      {
        remedy:
          "Pass --passphrase-file, or --without-keys when you keep secret.key elsewhere: a backup without its key opens nothing.",
      },
    );
  }
  return { files };
}

async function writeTables(
  writer: PartsWriter,
  client: pg.Client,
  head: Head,
  onProgress: (message: string) => void,
): Promise<Record<string, number>> {
  const rows: Record<string, number> = {};
  for (const [index, table] of head.tables.entries()) {
    onProgress(`table ${index + 1} of ${head.tables.length}: ${table.name}`);
    const content = copyOut(client, copyStatement(client, table, "to stdout"), (number) => {
      rows[table.name] = number;
    });
    await writer.add(`tables/${table.name}`, content);
  }
  return rows;
}

async function writeDependencies(
  writer: PartsWriter,
  dataDir: string,
  { onProgress }: BackupOptions,
): Promise<string[]> {
  const leftOut: string[] = [];
  for (const { name, pack } of await findDependencySets(dataDir)) {
    onProgress(`dependencies ${name.slice(0, 12)}`);
    if (pack === null) leftOut.push(name);
    else await writer.add(`dependencies/${name}`, pack());
  }
  return leftOut;
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
