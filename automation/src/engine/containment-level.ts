import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { access, constants, mkdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { messageOf } from "../errors.ts";
import type { ContainmentLevel } from "./attempt.ts";

/** What this host can use to end everything that an attempt started. */
export interface ContainmentHost {
  level: ContainmentLevel;
  /** The means, for people: `bwrap`, `unshare`, `cgroup v2`, `repeated scan`. */
  how: string;
  /** Why each better means is not used; empty when the best one is. */
  whyNotBetter: { how: string; reason: string }[];
  /** Arguments before the runner's own command; empty where no wrapper is needed. */
  wrapper: readonly string[];
  /** level cgroup: the folder in which each containment gets its own cgroup. */
  cgroupParent?: string;
  /** level weak: where processes are looked up. */
  lookup?: "proc" | "ps";
}

const PROBE_TIMEOUT_MS = 5_000;
/** Where the wrappers live. A fixed list: the worker's own PATH may be anything. */
const WRAPPER_PATH = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"].join(delimiter);
const run = promisify(execFile);

/** Files are left as they are; only processes are separated. */
const BWRAP_ARGUMENTS = [
  "--dev-bind",
  "/",
  "/",
  "--unshare-pid",
  "--die-with-parent",
  "--proc",
  "/proc",
  "--",
];
const UNSHARE_ARGUMENTS = ["--pid", "--fork", "--kill-child=KILL", "--mount-proc"];

let detected: Promise<ContainmentHost> | undefined;

/** Tries the means from best to worst by really using them; the answer holds for the life of the process. */
export function detectContainment(): Promise<ContainmentHost> {
  detected ??= detect();
  return detected;
}

async function detect(): Promise<ContainmentHost> {
  const [best] = await probeContainments();
  return best;
}

/** Every means that works here, best first; the last is always the repeated scan. */
export async function probeContainments(): Promise<[ContainmentHost, ...ContainmentHost[]]> {
  const whyNotBetter: ContainmentHost["whyNotBetter"] = [];
  if (process.platform !== "linux") {
    whyNotBetter.push({ how: "PID namespace, cgroup", reason: `${process.platform} has neither` });
    return [weak(whyNotBetter)];
  }
  const candidates: { how: string; probe: () => Promise<Omit<ContainmentHost, "whyNotBetter" | "how">> }[] = [
    { how: "bwrap", probe: probeBwrap },
    { how: "unshare", probe: () => probeUnshare([]) },
    { how: "unshare with a user namespace", probe: () => probeUnshare(["--user", "--map-current-user"]) },
    { how: "cgroup v2", probe: probeCgroup },
  ];
  const working: ContainmentHost[] = [];
  for (const { how, probe } of candidates) {
    try {
      working.push({ ...(await probe()), how, whyNotBetter: [...whyNotBetter] });
    } catch (error) {
      whyNotBetter.push({ how, reason: lastLine(messageOf(error)) });
    }
  }
  const scan = weak(whyNotBetter);
  const [best, ...others] = working;
  return best === undefined ? [scan] : [best, ...others, scan];
}

function weak(whyNotBetter: ContainmentHost["whyNotBetter"]): ContainmentHost {
  return {
    level: "weak",
    how: "repeated scan",
    whyNotBetter,
    wrapper: [],
    lookup: process.platform === "linux" ? "proc" : "ps",
  };
}

async function probeBwrap(): Promise<Omit<ContainmentHost, "whyNotBetter" | "how">> {
  const wrapper = [await findProgram("bwrap"), ...BWRAP_ARGUMENTS];
  await probeWrapper(wrapper);
  return { level: "pid-namespace", wrapper };
}

async function probeUnshare(
  extra: readonly string[],
): Promise<Omit<ContainmentHost, "whyNotBetter" | "how">> {
  // unshare kills its child when it ends; setpriv makes unshare itself end with the guardian.
  const setpriv = await findProgram("setpriv");
  const wrapper = [
    setpriv,
    "--pdeathsig=KILL",
    await findProgram("unshare"),
    ...extra,
    ...UNSHARE_ARGUMENTS,
    "--",
  ];
  await probeWrapper(wrapper);
  return { level: "pid-namespace", wrapper };
}

async function probeWrapper(wrapper: readonly string[]): Promise<void> {
  const [program = "", ...args] = wrapper;
  await run(program, [...args, await findProgram("true")], { timeout: PROBE_TIMEOUT_MS, env: {} });
}

async function probeCgroup(): Promise<Omit<ContainmentHost, "whyNotBetter" | "how">> {
  const mounts = await readFile("/proc/self/mounts", "utf8");
  const root = /^\S+ (\S+) cgroup2 /mu.exec(mounts)?.[1];
  if (root === undefined) throw new Error("no cgroup v2 is mounted");
  const own = /^0::(.*)$/mu.exec(await readFile("/proc/self/cgroup", "utf8"))?.[1] ?? "/";
  const parent = join(root, own);
  const trial = join(parent, `slipway-probe-${process.pid}`);
  await mkdir(trial);
  // `cat` without input waits until it is killed.
  const cat = spawn(await findProgram("cat"), [], { stdio: ["pipe", "ignore", "ignore"], env: {} });
  const exit = once(cat, "exit", { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
  try {
    await writeFile(join(trial, "cgroup.procs"), String(cat.pid));
    await writeFile(join(trial, "cgroup.kill"), "1");
    await exit;
  } finally {
    cat.kill("SIGKILL");
    await rmdir(trial);
  }
  return { level: "cgroup", wrapper: [], cgroupParent: parent };
}

/** The path of a program of the host that separates processes. Throws when it is not installed. */
export async function findProgram(name: string): Promise<string> {
  for (const folder of WRAPPER_PATH.split(delimiter)) {
    const path = join(folder, name);
    const usable = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (usable) return path;
  }
  throw new Error(`${name} is not installed`);
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? text;
}
