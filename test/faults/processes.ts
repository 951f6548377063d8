import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** A process as /proc tells of it. */
export interface Seen {
  pid: number;
  parent: number;
  /** Arguments, parted by spaces. */
  command: string;
  /** Name of the program, 15 characters at most. */
  name: string;
  cwd: string;
  environment: string;
}

/** All processes that run code. Linux only. */
export function processTable(): Seen[] {
  return readdirSync("/proc").flatMap((name) => {
    const seen = /^\d+$/u.test(name) ? look(Number(name)) : undefined;
    return seen === undefined ? [] : [seen];
  });
}

function look(pid: number): Seen | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const close = stat.lastIndexOf(")");
    const [state, parent] = stat.slice(close + 2).split(" ");
    if (state === "Z" || state === "X") return undefined;
    return {
      pid,
      parent: Number(parent),
      name: stat.slice(stat.indexOf("(") + 1, close),
      command: readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ").trim(),
      cwd: readlinkSync(`/proc/${pid}/cwd`),
      environment: readFileSync(`/proc/${pid}/environ`, "utf8"),
    };
  } catch {
    // It ended while we looked.
    return undefined;
  }
}

/** A process and all that descend from it. */
export function treeOf(root: number, table: readonly Seen[]): Seen[] {
  const found = new Set([root]);
  for (let grew = true; grew; ) {
    grew = false;
    for (const one of table) {
      if (found.has(one.pid) || !found.has(one.parent)) continue;
      found.add(one.pid);
      grew = true;
    }
  }
  return table.filter(({ pid }) => found.has(pid));
}

/** Every process that has to do with a folder: by its arguments, its working folder or its environment. */
export function processesOf(folder: string, table: readonly Seen[] = processTable()): Seen[] {
  return table.filter(
    ({ pid, command, cwd, environment }) =>
      pid !== process.pid &&
      (command.includes(folder) || cwd.startsWith(folder) || environment.includes(folder)),
  );
}

/** Stops all of them first, so that none sees another one end, then kills them. */
export function killAtOnce(pids: readonly number[]): void {
  for (const signal of ["SIGSTOP", "SIGKILL"] as const) {
    for (const pid of pids) signalTo(pid, signal);
  }
}

/** Sends a signal; false when the process is gone. */
export function signalTo(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}
