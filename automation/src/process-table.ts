import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { systemCode } from "./errors.ts";

/** What the operating system says of one running process. */
export interface ProcessInfo {
  pid: number;
  /** Command line, arguments parted by spaces; empty when it cannot be read. */
  command: string;
  /** Differs between two processes that had the same pid one after the other; opaque. */
  startedAt: string;
}

/**
 * Looks a process up. Undefined when there is none; a zombie counts as none, since it runs no code and holds no file.
 * Linux reads /proc, other systems ask `ps`.
 */
export function findProcess(pid: number): ProcessInfo | undefined {
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  return process.platform === "linux" ? fromProc(pid) : fromPs(pid);
}

/** True while exactly this process (not another one that was given its pid later) is running. */
export function isSameProcess(known: Pick<ProcessInfo, "pid" | "startedAt">): boolean {
  return findProcess(known.pid)?.startedAt === known.startedAt;
}

function fromProc(pid: number): ProcessInfo | undefined {
  let stat: string;
  let command = "";
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    command = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ").trim();
  } catch (error) {
    // ESRCH: the process ended between open and read.
    const code = systemCode(error);
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    throw error;
  }
  // proc(5): the second field is the name in parentheses and may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const state = fields[0];
  if (state === "Z" || state === "X") return undefined;
  return { pid, command, startedAt: fields[19] ?? "" };
}

function fromPs(pid: number): ProcessInfo | undefined {
  try {
    const out = execFileSync("ps", ["-o", "stat=,lstart=,command=", "-p", String(pid)], { encoding: "utf8" });
    const match = /^\s*(\S+)\s+(\S+\s+\S+\s+\S+\s+\S+\s+\S+)\s+(.*)$/m.exec(out);
    if (match === null || match[1]?.startsWith("Z")) return undefined;
    return { pid, startedAt: match[2] ?? "", command: match[3] ?? "" };
  } catch {
    // ps exits 1 when there is no such process.
    return undefined;
  }
}
