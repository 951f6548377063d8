import { closeSync, copyFileSync, mkdirSync, openSync, readSync, statSync, truncateSync } from "node:fs";
import path from "node:path";

const LIMIT_BYTES = 10 * 1024 * 1024;
const TAIL_BYTES = 8 * 1024;

/**
 * The log of one child. The child writes to the file itself, not through us: when we are killed, nothing that it still
 * says on its way out is lost, and no broken pipe ends it before its time.
 */
export interface LogFile {
  readonly path: string;
  /** Opens it for a child to append to; the caller closes the handle. */
  open(): number;
  size(): number;
  /** Complete text from `offset` on, at most the last 8 KiB. */
  read(offset: number): string;
  /** Keeps one older file of the same size once the limit is passed. */
  rotate(): void;
}

export function logFile(folder: string, name: string, limitBytes: number = LIMIT_BYTES): LogFile {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = path.join(folder, `${name}.log`);
  const size = () => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  return {
    path: file,
    open: () => openSync(file, "a", 0o600),
    size,
    read: (offset) => readFrom(file, offset),
    rotate: () => {
      if (size() <= limitBytes) return;
      copyFileSync(file, `${file}.1`);
      // The child appends, so that it goes on at the new end.
      truncateSync(file, 0);
    },
  };
}

function readFrom(file: string, offset: number): string {
  const end = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  const from = Math.max(offset, end - TAIL_BYTES, 0);
  if (end <= from) return "";
  const handle = openSync(file, "r");
  try {
    const buffer = Buffer.alloc(end - from);
    return buffer.toString("utf8", 0, readSync(handle, buffer, 0, buffer.length, from));
  } finally {
    closeSync(handle);
  }
}
