import { createHash, randomUUID } from "node:crypto";
import { lstat, readdir, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";
import type { RetentionCategory, RetentionLimits } from "../contract/retention.ts";
import type { Database } from "../database.ts";
import { systemCode } from "../errors.ts";
import type { Unit } from "./rules.ts";
import { unitsToRemove } from "./rules.ts";
import { pinnedLockfiles, storedContents, wantedContents } from "./store.ts";

/** Names that are being made or removed by somebody. */
const UNFINISHED = /^\./;
/** No installation takes so long. */
const UNFINISHED_MS = 86_400_000;

/** What was, or would be, removed of a category's files. */
export interface Collected {
  removed: number;
  freedBytes: number;
}

/** Collects one category of this machine's data folder. What something needs is asked of the database right before, and for dependencies again after they were moved away. */
export async function collectFolder(
  db: Database,
  dataDir: string,
  category: RetentionCategory,
  limits: RetentionLimits,
  { now, dryRun, signal }: { now: number; dryRun: boolean; signal: AbortSignal },
): Promise<Collected> {
  const { units, keptBytes, remove } = await findUnits(db, path.resolve(dataDir), category);
  const collected = { removed: 0, freedBytes: 0 };
  for (const unit of unitsToRemove(units, limits, now, keptBytes)) {
    if (signal.aborted) break;
    if (!dryRun && !(await remove(unit.id))) continue;
    collected.removed += 1;
    collected.freedBytes += unit.bytes;
  }
  return collected;
}

interface Found {
  /** Ids are paths. */
  units: Unit[];
  keptBytes: number;
  /** Answers false for what turned out to be needed. */
  remove(place: string): Promise<boolean>;
}

async function findUnits(db: Database, dataDir: string, category: RetentionCategory): Promise<Found> {
  switch (category) {
    case "failures":
      return {
        units: await measure(await childrenOf(path.join(dataDir, "failures"))),
        keptBytes: 0,
        remove: removeWhole,
      };
    case "caches":
      return { units: await filesBelow(path.join(dataDir, "cache")), keptBytes: 0, remove: removeWhole };
    case "artifact-copies":
      return copies(db, path.join(dataDir, "artifacts", "sha256"));
    case "dependencies":
      return dependencySets(db, path.join(dataDir, "dependencies"));
    default:
      return { units: [], keptBytes: 0, remove: removeWhole };
  }
}

/** Copies of contents that the database has and that nobody has asked for lately. */
async function copies(db: Database, root: string): Promise<Found> {
  const files = await filesBelow(root);
  const [wanted, stored] = [await wantedContents(db), await storedContents(db)];
  const digestOf = ({ id }: Unit): string => `sha256:${path.basename(id)}`;
  // A file that the database lacks may be the only one: an older installation has not yet put it there.
  const units = files.filter((file) => stored.has(digestOf(file)) && !wanted.has(digestOf(file)));
  const kept = files.filter((file) => !units.includes(file));
  return { units, keptBytes: kept.reduce((sum, { bytes }) => sum + bytes, 0), remove: removeWhole };
}

async function dependencySets(db: Database, root: string): Promise<Found> {
  await removeUnfinished(root);
  const sets = await measure(
    (await childrenOf(root)).filter((place) => !UNFINISHED.test(path.basename(place))),
  );
  const pinned = await pinnedLockfiles(db);
  const isPinned = async (place: string, among: ReadonlySet<string>): Promise<boolean> => {
    const lockfile = await lockfileOf(place);
    // A set that does not say what it is of is left to a person.
    return lockfile === undefined || among.has(lockfile);
  };
  const units: Unit[] = [];
  let keptBytes = 0;
  for (const set of sets) {
    if (await isPinned(set.id, pinned)) keptBytes += set.bytes;
    else units.push(set);
  }
  const remove = async (place: string): Promise<boolean> => {
    const away = path.join(root, `.removing-${randomUUID()}`);
    await rename(place, away);
    // A deployment that was queued since the look above: from now on none finds the set, and each is seen here.
    if (await isPinned(away, await pinnedLockfiles(db))) {
      await rename(away, place).catch(async (error: unknown) => {
        // It was installed again meanwhile.
        if (systemCode(error) !== "ENOTEMPTY" && systemCode(error) !== "EEXIST") throw error;
        await rm(away, { recursive: true, force: true });
      });
      return false;
    }
    await rm(away, { recursive: true, force: true });
    return true;
  };
  return { units, keptBytes, remove };
}

/** What an installation or a removal that was killed has left. */
async function removeUnfinished(root: string): Promise<void> {
  for (const place of await childrenOf(root)) {
    if (!UNFINISHED.test(path.basename(place))) continue;
    const { mtimeMs } = await lstat(place);
    if (Date.now() - mtimeMs > UNFINISHED_MS) await removeWhole(place);
  }
}

async function lockfileOf(set: string): Promise<string | undefined> {
  try {
    const lockfile = await readFile(path.join(set, "package-lock.json"));
    return `sha256:${createHash("sha256").update(lockfile).digest("hex")}`;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

async function removeWhole(place: string): Promise<boolean> {
  await rm(place, { recursive: true, force: true });
  return true;
}

async function measure(places: readonly string[]): Promise<Unit[]> {
  const units: Unit[] = [];
  for (const id of places) {
    const { mtimeMs } = await lstat(id);
    const files = await filesBelow(id);
    units.push({ id, at: mtimeMs, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) });
  }
  return units;
}

async function childrenOf(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).map((name) => path.join(folder, name));
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  }
}

/** Files below a folder, or the file itself. What goes away meanwhile is passed over. */
async function filesBelow(place: string): Promise<Unit[]> {
  try {
    const { mtimeMs, size, isDirectory } = await statsOf(place);
    if (!isDirectory) return [{ id: place, at: mtimeMs, bytes: size }];
    const files: Unit[] = [];
    for (const child of await childrenOf(place)) files.push(...(await filesBelow(child)));
    return files;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  }
}

async function statsOf(place: string): Promise<{ mtimeMs: number; size: number; isDirectory: boolean }> {
  const stats = await lstat(place);
  return { mtimeMs: stats.mtimeMs, size: stats.size, isDirectory: stats.isDirectory() };
}
