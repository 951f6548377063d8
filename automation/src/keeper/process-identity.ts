import { readFileSync, readlinkSync } from "node:fs";
import { execaSync } from "execa";
import { z } from "zod";

/**
 * What tells one process from another that later got the same pid: when it started (in the kernel's own unit, so it never
 * drifts), in which boot of the machine, and which program it runs. Not its arguments: a process may rewrite those.
 */
export const ProcessIdentity = z.object({
  pid: z.int(),
  startedTicks: z.string(),
  bootId: z.string(),
  program: z.string(),
});
export type ProcessIdentity = z.infer<typeof ProcessIdentity>;

const PS_TIMEOUT_MS = 5000;

/** The identity of a live process. Undefined when there is none, or only the remains of one that nobody reaped. */
export function identify(pid: number): ProcessIdentity | undefined {
  return process.platform === "linux" ? identifyByProc(pid) : identifyByPs(pid);
}

/** True while the very same process is alive. */
export function isAlive(identity: ProcessIdentity): boolean {
  const now = identify(identity.pid);
  return (
    now !== undefined &&
    now.startedTicks === identity.startedTicks &&
    now.bootId === identity.bootId &&
    now.program === identity.program
  );
}

/** Changes with every start of the machine. */
export function currentBootId(): string {
  if (process.platform === "linux") return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return execaSync("sysctl", ["-n", "kern.boottime"], { timeout: PS_TIMEOUT_MS }).stdout.trim();
}

function identifyByProc(pid: number): ProcessIdentity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // proc(5): the name, in parentheses, may hold spaces and parentheses itself; state is field 3, start time field 22.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const state = fields[0];
    const startedTicks = fields[19];
    if (startedTicks === undefined || state === "Z" || state === "X") return undefined;
    // The suffix appears when the file was replaced meanwhile, as an installation of dependencies does.
    const program = readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, "");
    return { pid, startedTicks, bootId: currentBootId(), program };
  } catch {
    // Any failure to read /proc/<pid> means that the process is gone.
    return undefined;
  }
}

function identifyByPs(pid: number): ProcessIdentity | undefined {
  const ps = execaSync("ps", ["-o", "stat=,lstart=,comm=", "-p", String(pid)], {
    timeout: PS_TIMEOUT_MS,
    reject: false,
    env: { LC_ALL: "C" },
  });
  // ps exits 1 when there is no such process.
  if (ps.exitCode !== 0) return undefined;
  // stat, then "Sat Nov 21 10:00:00 2026" (five words), then the program.
  const [state = "Z", ...rest] = ps.stdout.trim().split(/\s+/);
  if (state.startsWith("Z")) return undefined;
  const startedTicks = rest.slice(0, 5).join(" ");
  return { pid, startedTicks, bootId: currentBootId(), program: rest.slice(5).join(" ") };
}
