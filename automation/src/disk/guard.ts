import { existsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { DiskStatus } from "../contract/disk.ts";
import { findFolders } from "../postgres/location.ts";
import { isDatabaseFull } from "./database-full.ts";
import type { DiskMinimum } from "./rules.ts";
import { DATABASE_FULL_MS, diskLow, isLow, minimumOf } from "./rules.ts";

/** A look is good for so long: requests that come together share one. */
const LOOK_EVERY_MS = 1_000;
/** How late a disk that fills up is noticed while nothing is asked for. */
const WATCH_EVERY_MS = 10_000;

/** Space on one disk. */
export interface DiskSpace {
  freeBytes: number;
  totalBytes: number;
}

export interface DiskGuardOptions {
  /** Folders that this process or its database writes to. */
  folders: readonly string[];
  minimum: DiskMinimum;
  /** Milliseconds of a clock that never goes back. */
  now?: () => number;
  /** For tests of what follows from it. */
  spaceOf?: (folder: string) => Promise<DiskSpace>;
}

/** Watches the space that new work needs. What it knows dies harmlessly with the process: the next one looks for itself. */
export interface DiskGuard {
  /** What was last seen, at most a second old. */
  status(): Promise<DiskStatus>;
  /** Throws SlipwayError `disk_low` while there is too little space. */
  refuseWhenLow(): Promise<void>;
  /** Tells of an error of the database, which is looked at for a full disk. */
  noteError(error: unknown): void;
  /** Calls `onChange` each time that it becomes low or is no longer, until `signal` aborts. Never rejects. */
  watch(onChange: (status: DiskStatus) => Promise<void>, signal: AbortSignal): Promise<void>;
}

export function openDiskGuard(options: DiskGuardOptions): DiskGuard {
  const { folders, minimum, now = () => performance.now(), spaceOf = spaceOfFolder } = options;
  let databaseFullUntil = Number.NEGATIVE_INFINITY;
  let wasLow = false;
  let last: { at: number; status: Promise<DiskStatus> } | undefined;

  const look = async (): Promise<DiskStatus> => {
    const disks = await Promise.all(
      folders.map(async (folder) => {
        const { freeBytes, totalBytes } = await spaceOf(folder);
        return { freeBytes, minimumBytes: minimumOf(minimum, totalBytes) };
      }),
    );
    const [worst = { freeBytes: Number.MAX_SAFE_INTEGER, minimumBytes: 0 }] = disks.toSorted(
      (one, other) => one.freeBytes - one.minimumBytes - (other.freeBytes - other.minimumBytes),
    );
    wasLow = disks.some((disk) => isLow(disk, wasLow));
    const databaseFull = now() < databaseFullUntil;
    return { ...worst, low: wasLow || databaseFull, databaseFull, checkedAt: new Date().toISOString() };
  };
  const status = (): Promise<DiskStatus> => {
    const at = now();
    if (last === undefined || at - last.at >= LOOK_EVERY_MS) last = { at, status: look() };
    return last.status;
  };
  return {
    status,
    refuseWhenLow: async () => {
      const seen = await status();
      if (seen.low) throw diskLow(seen);
    },
    noteError: (error) => {
      if (!isDatabaseFull(error)) return;
      databaseFullUntil = now() + DATABASE_FULL_MS;
      last = undefined;
    },
    watch: async (onChange, signal) => {
      let told = false;
      while (!signal.aborted) {
        try {
          const seen = await status();
          if (seen.low !== told) {
            told = seen.low;
            await onChange(seen);
          }
        } catch {
          // A folder that cannot be looked at, or a message that could not be kept: the next look is soon.
        }
        // The only rejection is the abort, which the loop looks at.
        await pause(WATCH_EVERY_MS, undefined, { signal }).catch(() => {});
      }
    },
  };
}

/** The data folder, and the embedded database's when that is elsewhere. */
export function foldersToWatch(dataDir: string): string[] {
  const postgres = path.join(dataDir, "postgres");
  return existsSync(postgres) ? [dataDir, findFolders(postgres).home] : [dataDir];
}

async function spaceOfFolder(folder: string): Promise<DiskSpace> {
  const { bavail, blocks, bsize } = await statfs(folder);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}
