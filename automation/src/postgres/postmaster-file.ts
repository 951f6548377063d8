import { readFileSync } from "node:fs";
import path from "node:path";
import { systemCode } from "../errors.ts";
import { findProcess } from "../process-table.ts";

/** The lines of postmaster.pid that we use (PostgreSQL, src/include/utils/pidfile.h). */
export interface PostmasterFile {
  pid: number;
  dataDirectory: string;
  port: number;
  status: string;
}

/** Reads `<cluster>/postmaster.pid`; undefined when there is none or when it is still being written. */
export function readPostmasterFile(clusterDir: string): PostmasterFile | undefined {
  let text: string;
  try {
    text = readFileSync(path.join(clusterDir, "postmaster.pid"), "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
  const lines = text.split("\n").map((line) => line.trim());
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  return { pid, dataDirectory: lines[1] ?? "", port: Number(lines[3]), status: lines[7] ?? "" };
}

/**
 * True when the process that the file names is a postmaster of this cluster. A pid that was given to another program since,
 * or a zombie, is not.
 */
export function isLivePostmaster(file: PostmasterFile, clusterDir: string): boolean {
  const command = findProcess(file.pid)?.command;
  if (command === undefined) return false;
  return (
    file.dataDirectory === clusterDir &&
    /(^|\/)postgres\b/.test(command) &&
    command.includes(`-D ${clusterDir}`)
  );
}
