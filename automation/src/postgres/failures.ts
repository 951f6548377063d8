import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { SlipwayError, systemCode } from "../errors.ts";

const TAIL_BYTES = 4096;

/** The last lines of a log from `offset` on; empty when there is no log. */
export function tailOf(file: string, offset = 0): string {
  let handle: number;
  try {
    handle = openSync(file, "r");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return "";
    throw error;
  }
  try {
    const { size } = fstatSync(handle);
    const from = Math.max(offset, size - TAIL_BYTES);
    const buffer = Buffer.alloc(Math.max(0, size - from));
    readSync(handle, buffer, 0, buffer.length, from);
    return buffer.toString("utf8").trim();
  } finally {
    closeSync(handle);
  }
}

/** Says in one sentence why Postgres did not start, from what it printed. */
export function explainFailure(step: string, dir: string, output: string, exit: string): SlipwayError {
  if (/No space left on device|Disk quota exceeded/i.test(output)) {
    return new SlipwayError("disk_full", `The disk that holds ${dir} is full; the database cannot ${step}.`, {
      remedy: "Free space there, or set SLIPWAY_DATA_DIR to a folder on another disk.",
    });
  }
  if (/Read-only file system/i.test(output)) {
    return new SlipwayError("data_dir_read_only", `${dir} is read-only; the database cannot ${step}.`, {
      remedy: "Mount it for writing, or set SLIPWAY_DATA_DIR to a folder that can be written.",
    });
  }
  const reason = output
    .split("\n")
    .reverse()
    .find((line) => /FATAL|PANIC|error|could not/i.test(line));
  return new SlipwayError(
    "postgres_failed",
    `The database could not ${step} (${exit})${reason === undefined ? "" : `: ${reason.trim()}`}.`,
    { remedy: `Its messages are in ${dir}; set DATABASE_URL to use another Postgres.`, details: { output } },
  );
}
