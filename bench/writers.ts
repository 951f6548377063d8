import { join } from "node:path";
import type { SeenRequest } from "./counting-proxy.ts";
import type { Figure } from "./figure.ts";
import { percentile, printTable } from "./figure.ts";
import type { BenchOptions } from "./options.ts";
import { startStateBed } from "./state-bed.ts";
import { checkCount, journalRequests } from "./state-check.ts";
import { COUNT_VARIABLE, PROJECT, SECONDS_VARIABLE, writeStateProgram } from "./state-program.ts";
import { stopSignal } from "./stopping.ts";

const WRITERS = 50;
const QUICK_WRITERS = 8;
const RESOURCES = 100;
/** The CLI renews its lease of 300 s when half of it is over, looking every 37 s: so long an update renews at least once. */
const UPDATE_SECONDS = 240;
/** Without a renewal: only that all write at once is seen. */
const QUICK_SECONDS = 10;
const LEASE_MS = 300_000;
/** CLIs that start at the same moment would measure this machine and not the server. */
const START_GAP_MS = 300;

/** What the renewals of one update came to. */
interface Renewals {
  sent: number;
  /** Answered after the lease before had ended, or not at all. */
  late: number;
  /** The least that was left of a lease when its renewal was answered. */
  leastLeftMs: number;
}

/**
 * Updates of 50 stacks at once on one server, each long enough that it must renew its lease. Every state must hold all its resources afterwards. Figures: commands that
 * failed and requests that were answered with an error; renewals that came too late. `quick`: 8 stacks, without renewals.
 */
export async function measureWriters({ quick }: BenchOptions): Promise<Figure[]> {
  const signal = stopSignal();
  const bed = await startStateBed(signal);
  try {
    const writers = Array.from({ length: quick ? QUICK_WRITERS : WRITERS }, (_, index) => `writer-${index}`);
    const program = join(bed.folder, "program");
    await writeStateProgram(program);
    const at = {
      cwd: program,
      env: {
        ...bed.cliEnvironment("writers"),
        ...bed.slipway,
        [COUNT_VARIABLE]: String(RESOURCES),
        [SECONDS_VARIABLE]: String(quick ? QUICK_SECONDS : UPDATE_SECONDS),
      },
    };
    for (const writer of writers) {
      await bed.pulumi(["stack", "init", `default/${PROJECT}/${writer}`, "--no-select"], at);
    }
    bed.api.take();
    const failures: string[] = [];
    const began = performance.now();
    await Promise.all(
      writers.map(async (writer, index) => {
        await new Promise((resolve) => setTimeout(resolve, index * START_GAP_MS));
        const named = ["--stack", `default/${PROJECT}/${writer}`];
        try {
          await bed.pulumi(["up", ...named, "--yes", "--skip-preview", "--refresh=false"], at);
        } catch (error) {
          signal.throwIfAborted();
          failures.push(`${writer}: ${error instanceof Error ? error.message : String(error)}`);
        }
      }),
    );
    const seconds = (performance.now() - began) / 1_000;
    const { requests, bytes } = bed.api.take();
    for (const writer of writers) {
      const state = await bed.pulumi(["stack", "export", "--stack", `default/${PROJECT}/${writer}`], at);
      checkCount(state, RESOURCES, writer);
    }
    return report(requests, bytes, seconds, { failures, writers: writers.length, quick });
  } finally {
    await bed.stop();
  }
}

function report(
  requests: readonly SeenRequest[],
  bytes: number,
  seconds: number,
  { failures, writers, quick }: { failures: readonly string[]; writers: number; quick: boolean },
): Figure[] {
  for (const failure of failures) console.log(failure);
  // The CLI asks for what a server may not have: 404 is an answer, not an error.
  const refused = requests.filter(({ status }) => status === null || (status >= 400 && status !== 404));
  for (const { method, path, status } of refused.slice(0, 20))
    console.log(`${method} ${path}: ${status ?? "no answer"}`);
  const journal = waits(journalRequests(requests));
  const all = waits(requests);
  console.log(
    `${writers} stacks at once, ${seconds.toFixed(0)} s, ${(bytes / 1024 / 1024).toFixed(1)} MB on the wire`,
  );
  printTable(
    ["requests", "count", "median ms", "99 % ms", "longest ms"],
    [
      ["journal", ...columns(journal)],
      ["all", ...columns(all)],
    ],
  );
  const renewals = [...renewalsByUpdate(requests).values()];
  const sent = renewals.reduce((sum, one) => sum + one.sent, 0);
  const least = Math.min(...renewals.map((one) => one.leastLeftMs));
  if (sent > 0)
    console.log(
      `${sent} renewals of ${renewals.length} updates; least that was left of a lease: ${(least / 1_000).toFixed(0)} s`,
    );
  const unrenewed = quick ? 0 : Math.max(0, writers - renewals.filter((one) => one.sent > 0).length);
  const late = renewals.reduce((sum, one) => sum + one.late, 0) + unrenewed;
  const errors = failures.length + refused.length;
  const figures: Figure[] = [
    { name: `writers ${writers}, errors`, value: errors, limit: 0, text: String(errors), limitText: "0" },
  ];
  if (!quick)
    figures.push({
      name: `writers ${writers}, renewals late or missing`,
      value: late,
      limit: 0,
      text: String(late),
      limitText: "0",
    });
  return figures;
}

function waits(requests: readonly SeenRequest[]): number[] {
  return requests.flatMap(({ sentAtMs, answeredAtMs }) =>
    answeredAtMs === null ? [] : [answeredAtMs - sentAtMs],
  );
}

function columns(ms: readonly number[]): string[] {
  if (ms.length === 0) return ["0", "-", "-", "-"];
  return [
    String(ms.length),
    percentile(ms, 0.5).toFixed(1),
    percentile(ms, 0.99).toFixed(1),
    Math.max(...ms).toFixed(1),
  ];
}

const START = /^(.*\/update\/[0-9a-f-]{36})$/;
const RENEW = /^(.*\/update\/[0-9a-f-]{36})\/renew_lease$/;

/** By the address of the update. A lease begins when the server was asked for it, which is before it counts. */
function renewalsByUpdate(requests: readonly SeenRequest[]): Map<string, Renewals> {
  const leasedUntilMs = new Map<string, number>();
  const found = new Map<string, Renewals>();
  for (const { method, path, sentAtMs, answeredAtMs, status } of requests) {
    if (method !== "POST") continue;
    const started = START.exec(path)?.[1];
    if (started !== undefined) {
      leasedUntilMs.set(started, sentAtMs + LEASE_MS);
      found.set(started, { sent: 0, late: 0, leastLeftMs: Number.POSITIVE_INFINITY });
    }
    const renewed = RENEW.exec(path)?.[1];
    const renewals = renewed === undefined ? undefined : found.get(renewed);
    if (renewed === undefined || renewals === undefined) continue;
    const leftMs = (leasedUntilMs.get(renewed) ?? 0) - (answeredAtMs ?? Number.POSITIVE_INFINITY);
    renewals.sent += 1;
    renewals.leastLeftMs = Math.min(renewals.leastLeftMs, leftMs);
    if (status !== 200 || leftMs <= 0) renewals.late += 1;
    else leasedUntilMs.set(renewed, sentAtMs + LEASE_MS);
  }
  return found;
}
