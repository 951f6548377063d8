import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from "node:fs";
import path from "node:path";
import { messageOf, SlipwayError, systemCode } from "../errors.ts";
import { tryLock } from "./lock.mjs";

/** An empty cluster is 40 MB, its log 16 MB a segment; below this a start would only end in the middle of something. */
export const NEEDED_FREE_BYTES = 256 * 1024 * 1024;
const PROBE_BYTES = 64 * 1024;

/** The data folder, ours alone until released. */
export interface DataFolder {
  path: string;
  logs: string;
  run: string;
  release(): void;
}

/**
 * Makes the data folder if needed, proves that it can be written, and takes its lock. Throws one sentence each for a
 * read-only folder, a full disk, a file in its place, and a Slipway that already runs on it; nothing is started before.
 */
export function openDataFolder(dir: string): DataFolder {
  const remedy = "Set SLIPWAY_DATA_DIR to a folder that can be written, on a disk with space.";
  try {
    mkdirSync(dir, { recursive: true, mode: 0o711 });
    // Passable but not readable: as root, the database runs as another user and has to reach its own folder below.
    if (process.getuid?.() === 0 && statSync(dir).uid === 0)
      chmodSync(dir, (statSync(dir).mode & 0o777) | 0o711);
    probe(path.join(dir, `.probe-${process.pid}`));
    const { bavail, bsize } = statfsSync(dir);
    if (bavail * bsize < NEEDED_FREE_BYTES) {
      const free = Math.floor((bavail * bsize) / 1024 / 1024);
      const message = `The disk that holds ${dir} is full: ${free} MB free, ${NEEDED_FREE_BYTES / 1024 / 1024} MB needed.`;
      throw new SlipwayError("disk_full", message, { remedy });
    }
    const lock = tryLock(path.join(dir, "start.lock"));
    if ("holder" in lock) {
      throw new SlipwayError(
        "already_running",
        `Slipway is already running on ${dir} (process ${lock.holder}).`,
        {
          remedy: "Use that one, stop it, or set SLIPWAY_DATA_DIR and SLIPWAY_PORT for a second one.",
        },
      );
    }
    return { path: dir, logs: path.join(dir, "logs"), run: path.join(dir, "run"), release: lock.release };
  } catch (error) {
    if (error instanceof SlipwayError) throw error;
    throw explain(dir, error, remedy);
  }
}

function probe(file: string): void {
  try {
    const handle = openSync(file, "w", 0o600);
    try {
      writeSync(handle, Buffer.alloc(PROBE_BYTES));
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
  } finally {
    rmSync(file, { force: true });
  }
}

const REASONS: Readonly<Record<string, [code: string, says: (dir: string) => string]>> = {
  EROFS: ["data_dir_read_only", (dir) => `The data folder ${dir} is read-only.`],
  EACCES: ["data_dir_read_only", (dir) => `The data folder ${dir} cannot be written by this user.`],
  EPERM: ["data_dir_read_only", (dir) => `The data folder ${dir} cannot be written by this user.`],
  ENOSPC: ["disk_full", (dir) => `The disk that holds ${dir} is full.`],
  EDQUOT: ["disk_full", (dir) => `The disk quota of this user is used up; ${dir} cannot be written.`],
  EEXIST: ["data_dir_not_a_folder", (dir) => `The data folder ${dir} is a file, not a folder.`],
  ENOTDIR: ["data_dir_not_a_folder", (dir) => `The data folder ${dir} is a file, not a folder.`],
};

function explain(dir: string, cause: unknown, remedy: string): SlipwayError {
  const [code, says] = REASONS[systemCode(cause) ?? ""] ?? [
    "data_dir_unusable",
    () => `The data folder ${dir} cannot be used: ${messageOf(cause)}.`,
  ];
  return new SlipwayError(code, says(dir), { cause, remedy });
}
