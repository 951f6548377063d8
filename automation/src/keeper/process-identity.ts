import { readFileSync, readlinkSync } from "node:fs";
import { execaSync } from "execa";
import { z } from "zod";
import { findProcess } from "../process-table.ts";

/**
 * What tells a deployed process from another one that later got its pid, also after the machine was started again: when it
 * began, in which boot, and which program it runs. Not its command line: a process may rewrite that.
 */
export const ProcessIdentity = z.object({
  pid: z.int(),
  startedAt: z.string(),
  bootId: z.string(),
  program: z.string(),
});
export type ProcessIdentity = z.infer<typeof ProcessIdentity>;

const SYSCTL_TIMEOUT_MS = 5000;

/** The identity of a live process. Undefined when there is none, or only the remains of one that nobody reaped. */
export function identify(pid: number): ProcessIdentity | undefined {
  const info = findProcess(pid);
  if (info === undefined) return undefined;
  const { startedAt, command } = info;
  return { pid, startedAt, bootId: currentBootId(), program: programOf(pid, command) };
}

/** True while the very same process is alive. */
export function isAlive(identity: ProcessIdentity): boolean {
  const now = identify(identity.pid);
  if (now === undefined || now.startedAt !== identity.startedAt || now.bootId !== identity.bootId)
    return false;
  // A process that is just ending has no program any more, but still holds its port.
  return now.program === "" || now.program === identity.program;
}

/** Changes with every start of the machine. */
export function currentBootId(): string {
  if (process.platform === "linux") return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return execaSync("sysctl", ["-n", "kern.boottime"], { timeout: SYSCTL_TIMEOUT_MS }).stdout.trim();
}

function programOf(pid: number, command: string): string {
  if (process.platform !== "linux") return command.split(" ")[0] ?? "";
  try {
    // The suffix appears when the file was replaced meanwhile, as an installation of dependencies does.
    return readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, "");
  } catch {
    // It is ending, or belongs to another user.
    return "";
  }
}
