import { copyFile, open, stat, truncate } from "node:fs/promises";
import { systemCode } from "../errors.ts";

/** A log and its predecessor together take at most about twice this. */
export const LOG_MAX_BYTES = 8 * 1024 * 1024;
const TAIL_BYTES = 16 * 1024;

/** The last `count` lines of a log. Empty when there is none. */
export async function tailLog(path: string, count: number): Promise<string[]> {
  try {
    const file = await open(path, "r");
    try {
      const { size } = await file.stat();
      const length = Math.min(size, TAIL_BYTES);
      const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
      return buffer
        .toString("utf8")
        .split("\n")
        .filter((line) => line !== "")
        .slice(-count);
    } finally {
      await file.close();
    }
  } catch (thrown) {
    if (systemCode(thrown) === "ENOENT") return [];
    throw thrown;
  }
}

/**
 * Bounds a log. Processes append to the file themselves (a pipe would break when the keeper dies), so it is copied and
 * truncated in place; lines written between the two are lost.
 */
export async function rotateLog(path: string, maxBytes: number): Promise<void> {
  try {
    if ((await stat(path)).size <= maxBytes) return;
    await copyFile(path, `${path}.1`);
    await truncate(path, 0);
  } catch (thrown) {
    if (systemCode(thrown) !== "ENOENT") throw thrown;
  }
}
