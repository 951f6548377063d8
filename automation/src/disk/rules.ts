import { SlipwayError } from "../errors.ts";

const MEGABYTE = 1024 * 1024;
/** Of a disk of any usual size. A deployment writes an archive, a work dir and events: tens of megabytes. */
const USUAL_MINIMUM_BYTES = 512 * MEGABYTE;
/** Of a small disk, so that one of a few gigabytes is of use at all. */
const USUAL_MINIMUM_SHARE = 0.05;
/** It must be so much more before new work is taken again: else each deployment would turn it on and off. */
const RECOVERY_PERCENT = 110;
/** For so long after the database's disk was full nothing new is taken; then the next request tries. */
export const DATABASE_FULL_MS = 30_000;

/** What must stay free: bytes, or a share of the disk. */
export type DiskMinimum = { bytes: number } | { share: number } | "usual";

/** Reads `512MB`, `2GB`, `5%`; undefined for anything else. */
export function parseDiskMinimum(text: string): DiskMinimum | undefined {
  const [, number = "", unit = ""] = /^(\d{1,9})(MB|GB|%)$/.exec(text) ?? [];
  const value = Number(number);
  switch (unit) {
    case "MB":
      return { bytes: value * MEGABYTE };
    case "GB":
      return { bytes: value * 1024 * MEGABYTE };
    case "%":
      return value < 100 ? { share: value / 100 } : undefined;
    default:
      return undefined;
  }
}

/** Bytes that must stay free on a disk of a size. */
export function minimumOf(minimum: DiskMinimum, totalBytes: number): number {
  if (minimum === "usual") return Math.min(USUAL_MINIMUM_BYTES, Math.floor(totalBytes * USUAL_MINIMUM_SHARE));
  return "bytes" in minimum ? minimum.bytes : Math.floor(totalBytes * minimum.share);
}

/** Whether a disk has too little space, given whether it had before. */
export function isLow(disk: { freeBytes: number; minimumBytes: number }, wasLow: boolean): boolean {
  return disk.freeBytes * 100 < disk.minimumBytes * (wasLow ? RECOVERY_PERCENT : 100);
}

/** The refusal of new work. */
export function diskLow(status: {
  freeBytes: number;
  minimumBytes: number;
  databaseFull: boolean;
}): SlipwayError {
  const why = status.databaseFull
    ? "The disk of the database is full."
    : `The disk has ${megabytes(status.freeBytes)} MB free, and ${megabytes(status.minimumBytes)} MB are needed for new work.`;
  return new SlipwayError("disk_low", `${why} What runs goes on.`, {
    remedy:
      "Free space (slipway retention run), or enlarge the disk; then repeat the request. See docs/runbooks/disk.md.",
  });
}

function megabytes(bytes: number): number {
  return Math.floor(bytes / MEGABYTE);
}
