import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { closeSync, existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import type { Duplex } from "node:stream";

/*
 * The guardian of one containment. It imports nothing of ours, so that its few lines are all that has to be right.
 *
 * argv[2]  JSON: GuardianPlan
 * fd 0     orders of the worker, one a line: `renew <ns>`, `interrupt <graceMs> <request>`, `settled <request>`,
 *          `kill`, `close`; <request> counts the requests from 1;
 *          end of file means that the worker is gone, and ends the containment
 * fd 1     reports to the worker, one JSON object a line: `ready`, `interrupted`, `terminated`, `ended`
 * fd 2     log file
 * fd 3, 4  the runner's stdin and stdout, passed on untouched
 *
 * Inside the containment the runner has fd 3, on which it reports `hello`, `child <pid> <process|group> <request>` and
 * `child-ended`, reads `interrupting <request>`, and sees end of file when the guardian is gone.
 */
interface GuardianPlan {
  level: "pid-namespace" | "cgroup" | "weak";
  /** Program and arguments that start the runner, wrapped in what makes the containment. */
  argv: [string, ...string[]];
  /** Absolute deadline of process.hrtime, which on one machine is the same clock for all processes. */
  deadlineNs: string;
  /** level cgroup: the folder of the containment's own cgroup. */
  cgroup?: string;
  /** level weak: processes that carry this in their environment belong to the containment. */
  mark?: string;
  /** level weak: where processes are looked up; `ps` where there is no /proc. */
  lookup?: "proc" | "ps";
}

type EndReason = "closed" | "deadline" | "lost-parent" | "killed" | "crashed";
/** A process as the operating system tells of it. `group` is the session where /proc tells it, else the process group. */
interface Seen {
  parent: number;
  group: number;
  startTime: string;
}
interface Target {
  pid: number;
  startTime: string;
  group: boolean;
}

/** After SIGTERM, before the containment is killed. */
const TERMINATE_GRACE_MS = 2_000;
/** How often the end of processes is looked for. */
const POLL_MS = 10;
/** After this an end that could not be verified is reported as not empty; a process may hang in the kernel. */
const EMPTY_TIMEOUT_MS = 10_000;
/** Longest single timer; a deadline further away is looked at again. */
const MAX_TIMER_MS = 60_000;
/** level weak: how often new processes of the containment are looked for. */
const SCAN_MS = 50;
/** The same where each look starts a program. */
const SCAN_BY_PS_MS = 500;

/** level weak: the variable that carries the mark. */
const MARK_VARIABLE = "SLIPWAY_CONTAINMENT";
const PS_MAX_BYTES = 64 * 1024 * 1024;

const plan = JSON.parse(process.argv[2] ?? "") as GuardianPlan;
let deadlineNs = BigInt(plan.deadlineNs);
let deadlineTimer: NodeJS.Timeout | undefined;
let ladderTimer: NodeJS.Timeout | undefined;
let target: Target | undefined;
/** The request that was interrupted last. Numbered, since orders and reports come by different ways and may overtake. */
let interruptedRequest = 0;
/** The request that `target` works for. */
let targetRequest = 0;
let init: Target | undefined;
let ending = false;
let wrapperExited = false;
/** level weak: every process ever seen inside, by pid. */
const seen = new Map<number, string>();

function report(message: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
// A worker that is gone cannot read; its end of file on fd 0 ends the containment.
process.stdout.on("error", () => undefined);

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** What is known of a process; undefined when it is gone. Zombies are gone: they run nothing and hold nothing. */
function inspect(pid: number): Seen | undefined {
  if (plan.lookup === "ps") return tableOfPs().get(pid);
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return undefined;
    return { parent: Number(fields[1]), group: Number(fields[3]), startTime: fields[19] ?? "" };
  } catch {
    // Gone between listing and reading.
    return undefined;
  }
}

function processTable(): Map<number, Seen> {
  if (plan.lookup === "ps") return tableOfPs();
  const table = new Map<number, Seen>();
  for (const pid of allPids()) {
    const found = inspect(pid);
    if (found !== undefined) table.set(pid, found);
  }
  return table;
}

function tableOfPs(): Map<number, Seen> {
  const table = new Map<number, Seen>();
  const listing = execFileSync("/bin/ps", ["-axo", "pid=,ppid=,pgid=,stat=,lstart="], { encoding: "utf8" });
  for (const line of listing.split("\n")) {
    const [pid, parent, group, state, ...startTime] = line.trim().split(/\s+/u);
    if (state === undefined || state.startsWith("Z")) continue;
    table.set(Number(pid), { parent: Number(parent), group: Number(group), startTime: startTime.join(" ") });
  }
  return table;
}

function isAlive(known: { pid: number; startTime: string }): boolean {
  return inspect(known.pid)?.startTime === known.startTime;
}

/** Sends a signal to a process, unless its number now belongs to another one. */
function signal(known: Target, name: NodeJS.Signals): void {
  if (!isAlive(known)) return;
  try {
    process.kill(known.group ? -known.pid : known.pid, name);
  } catch {
    // Ended in between.
  }
}

function allPids(): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid > 1);
}

/** The number that a process has in the innermost namespace it lives in. */
function innermostPid(pid: number): number | undefined {
  try {
    const line = /^NSpid:\s*(.*)$/mu.exec(readFileSync(`/proc/${pid}/status`, "latin1"));
    return Number(line?.[1]?.trim().split(/\s+/u).at(-1));
  } catch {
    return undefined;
  }
}

function descendsFrom(pid: number, ancestor: number): boolean {
  for (let at: number | undefined = pid; at !== undefined && at > 1; at = inspect(at)?.parent) {
    if (at === ancestor) return true;
  }
  return false;
}

/** Finds a process by the number that it has inside the containment. */
function resolve(insidePid: number): { pid: number; startTime: string } | undefined {
  const found =
    plan.level === "pid-namespace"
      ? allPids().find(
          (pid) => innermostPid(pid) === insidePid && descendsFrom(pid, child.pid ?? -1) && pid !== child.pid,
        )
      : insidePid;
  const startTime = found === undefined ? undefined : inspect(found)?.startTime;
  return found === undefined || startTime === undefined ? undefined : { pid: found, startTime };
}

function armDeadline(): void {
  clearTimeout(deadlineTimer);
  const remainingMs = Number((deadlineNs - process.hrtime.bigint()) / 1_000_000n);
  if (remainingMs <= 0) {
    void end("deadline");
    return;
  }
  deadlineTimer = setTimeout(armDeadline, Math.min(remainingMs + 1, MAX_TIMER_MS));
}

function interrupt(graceMs: number, request: number): void {
  if (request <= interruptedRequest || ending) return;
  interruptedRequest = request;
  clearTimeout(ladderTimer);
  control.write(`interrupting ${request}\n`);
  signalTarget("SIGINT");
  report({ type: "interrupted" });
  ladderTimer = setTimeout(() => {
    signalTarget("SIGTERM");
    report({ type: "terminated" });
    ladderTimer = setTimeout(() => void end("killed"), TERMINATE_GRACE_MS);
  }, graceMs);
}

function signalTarget(name: NodeJS.Signals): void {
  if (target !== undefined && targetRequest === interruptedRequest) signal(target, name);
}

/** level weak: descendants, members of their sessions or groups and carriers of the mark; whoever was seen once stays known. */
function scan(): Target[] {
  const table = processTable();
  for (const [pid, startTime] of seen) if (table.get(pid)?.startTime !== startTime) seen.delete(pid);
  const marked = markedPids(table);
  const groups = new Set<number>();
  for (const pid of seen.keys()) {
    const group = table.get(pid)?.group;
    if (group !== undefined) groups.add(group);
  }
  if (child.pid !== undefined) groups.add(child.pid);
  for (let grew = true; grew; ) {
    grew = false;
    for (const [pid, entry] of table) {
      if (seen.has(pid) || pid === process.pid) continue;
      if (pid !== child.pid && !seen.has(entry.parent) && !groups.has(entry.group) && !marked.has(pid))
        continue;
      seen.set(pid, entry.startTime);
      groups.add(entry.group);
      grew = true;
    }
  }
  return [...seen].map(([pid, startTime]) => ({ pid, startTime, group: false }));
}

/** level weak: the processes that inherited the mark, though they left session and parent. */
function markedPids(table: ReadonlyMap<number, Seen>): Set<number> {
  const { mark } = plan;
  if (mark === undefined) return new Set();
  if (plan.lookup !== "ps")
    return new Set([...table.keys()].filter((pid) => environmentOf(pid).includes(mark)));
  // Environments behind the command line: each system has its own letter for it.
  const show = process.platform === "linux" ? "axeww" : "-axEww";
  const listing = execFileSync("/bin/ps", [show, "-o", "pid=,args="], {
    encoding: "utf8",
    maxBuffer: PS_MAX_BYTES,
  });
  const marked = listing.split("\n").filter((line) => line.includes(`${MARK_VARIABLE}=${mark}`));
  return new Set(marked.map((line) => Number.parseInt(line, 10)));
}

function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1");
  } catch {
    // Another user's process, or gone.
    return "";
  }
}

/** Kills whatever is left; true when nothing is. */
function sweep(): boolean {
  if (plan.level === "pid-namespace") {
    // The kernel ends every process of a PID namespace before its init can be reaped.
    if (init !== undefined) signal(init, "SIGKILL");
    if (!wrapperExited) child.kill("SIGKILL");
    return wrapperExited && (init === undefined || !isAlive(init));
  }
  if (plan.level === "cgroup" && plan.cgroup !== undefined) {
    writeFileSync(join(plan.cgroup, "cgroup.kill"), "1");
    return /^populated 0$/mu.test(readFileSync(join(plan.cgroup, "cgroup.events"), "latin1"));
  }
  const left = scan();
  for (const known of left) signal(known, "SIGKILL");
  return left.length === 0 && wrapperExited;
}

async function end(reason: EndReason): Promise<void> {
  if (ending) return;
  ending = true;
  clearTimeout(deadlineTimer);
  clearTimeout(ladderTimer);
  if (init === undefined) init = findInit();
  const giveUpAt = performance.now() + EMPTY_TIMEOUT_MS;
  let empty = false;
  // Twice in a row: level weak may miss a process that was born during the scan.
  for (let sweeps = 0; sweeps < 2 && performance.now() < giveUpAt; ) {
    sweeps = sweep() ? sweeps + 1 : 0;
    empty = sweeps === 2;
    if (!empty) await pause(POLL_MS);
  }
  if (plan.cgroup !== undefined && empty && existsSync(plan.cgroup)) rmdirSync(plan.cgroup);
  process.stderr.write(`${JSON.stringify({ ended: reason, empty })}\n`);
  process.stdout.write(`${JSON.stringify({ type: "ended", reason, empty })}\n`, () => process.exit(0));
}

function findInit(): Target | undefined {
  if (plan.level !== "pid-namespace") return undefined;
  const found = resolve(1);
  return found === undefined ? undefined : { ...found, group: false };
}

function startContainment(): ChildProcess {
  const [program, ...args] = plan.argv;
  // Children are born into the cgroup of their parent: enter it for the moment of the birth.
  const { cgroup } = plan;
  if (cgroup !== undefined) enterCgroup(cgroup);
  const started = spawn(program, args, { stdio: [3, 4, 2, "pipe"], env: environment(), detached: true });
  if (cgroup !== undefined) enterCgroup(dirname(cgroup));
  // The runner alone may hold these: the worker must see their end when it dies.
  closeSync(3);
  closeSync(4);
  return started;
}

function environment(): NodeJS.ProcessEnv {
  return { ...process.env, ...(plan.mark === undefined ? {} : { [MARK_VARIABLE]: plan.mark }) };
}

function enterCgroup(folder: string): void {
  writeFileSync(join(folder, "cgroup.procs"), String(process.pid));
}

const child = startContainment();
const control = child.stdio[3] as Duplex;
control.on("error", () => undefined);
child.on("error", (error) => {
  wrapperExited = true;
  process.stderr.write(`${error.message}\n`);
  void end("crashed");
});
child.on("exit", () => {
  wrapperExited = true;
  void end("crashed");
});

const reports = createInterface({ input: control });
// readline passes on the errors of its input: the runner died with unread orders. Its exit is what counts.
reports.on("error", () => undefined);
reports.on("line", (line) => {
  const [word, pid, kind, request] = line.split(" ");
  if (word === "hello") {
    init = findInit();
    report({ type: "ready", init: init === undefined ? null : { pid: init.pid, startTime: init.startTime } });
  } else if (word === "child") {
    const found = resolve(Number(pid));
    target = found === undefined ? undefined : { ...found, group: kind === "group" };
    targetRequest = Number(request);
    signalTarget("SIGINT");
  } else if (word === "child-ended") {
    target = undefined;
  }
});

const orders = createInterface({ input: process.stdin });
orders.on("line", (line) => {
  const [word, value, request] = line.split(" ");
  if (word === "renew") {
    deadlineNs = BigInt(value ?? "0");
    armDeadline();
  } else if (word === "interrupt") interrupt(Number(value), Number(request));
  else if (word === "settled" && Number(value) === interruptedRequest) clearTimeout(ladderTimer);
  else if (word === "kill") void end("killed");
  else if (word === "close") void end("closed");
});
orders.on("error", () => void end("lost-parent"));
orders.on("close", () => void end("lost-parent"));
// The worker stops its guardians by orders; a Ctrl-C that reaches the whole terminal is not one.
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => undefined);

if (plan.level === "weak") setInterval(scan, plan.lookup === "ps" ? SCAN_BY_PS_MS : SCAN_MS).unref();
armDeadline();
