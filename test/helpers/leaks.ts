import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect } from "vitest";

/** What a test has stopped may take this long to be gone. */
const GRACE_MS = 3_000;
const POLL_MS = 50;
const MARK = `SLIPWAY_TEST_MARK=${process.pid}-${Date.now()}`;

// Inherited by everything that this file's tests start, also by what changes its parent.
process.env.SLIPWAY_TEST_MARK = MARK.slice("SLIPWAY_TEST_MARK=".length);
const socketsBefore = openSockets();

// Registered before any hook of the test file, so that it runs after all of them.
afterAll(async () => {
  const deadline = performance.now() + GRACE_MS;
  let left = whatIsLeft();
  while (left.length > 0 && performance.now() < deadline) {
    await sleep(POLL_MS);
    left = whatIsLeft();
  }
  expect(left, "the tests of this file left something behind").toEqual([]);
}, GRACE_MS * 3);

function whatIsLeft(): string[] {
  const left = leftProcesses().map(({ pid, command }) => `process ${pid}: ${command}`);
  const sockets = openSockets();
  for (const kind of ["TCPServerWrap", "TCPSocketWrap", "PipeServerWrap"]) {
    const more = (sockets.get(kind) ?? 0) - (socketsBefore.get(kind) ?? 0);
    if (more > 0) left.push(`${more} open ${kind} (a server, client or pool that was not closed)`);
  }
  return left;
}

/** Counts what keeps this process alive, by kind; idle keep-alive sockets of fetch do not. */
function openSockets(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

interface Seen {
  pid: number;
  parent: number;
  command: string;
  marked: boolean;
}

/** Descendants of this process, and processes that carry its mark. Linux only; elsewhere none are found. */
function leftProcesses(): Seen[] {
  if (process.platform !== "linux") return [];
  const all: Seen[] = [];
  for (const name of readdirSync("/proc")) {
    const seen = /^\d+$/.test(name) ? look(Number(name)) : undefined;
    if (seen !== undefined) all.push(seen);
  }
  const found = new Set([process.pid]);
  for (let grew = true; grew; ) {
    grew = false;
    for (const one of all) {
      if (found.has(one.pid) || !(one.marked || found.has(one.parent))) continue;
      found.add(one.pid);
      grew = true;
    }
  }
  return all.filter((one) => found.has(one.pid) && one.pid !== process.pid);
}

function look(pid: number): Seen | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (state === "Z" || state === "X") return undefined;
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ").trim();
    const marked = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(MARK);
    return { pid, parent: Number(parent), command, marked };
  } catch {
    // It ended while we looked, or belongs to another user.
    return undefined;
  }
}
