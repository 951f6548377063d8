import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { Agent, get, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import type { Database } from "../automation/src/database.ts";
import { openDatabase } from "../automation/src/database.ts";
import { appendEvents } from "../automation/src/deployments/events-store.ts";
import { loadCredentials } from "../automation/src/postgres/credentials.ts";
import { findFolders } from "../automation/src/postgres/location.ts";
import { readPostmasterFile } from "../automation/src/postgres/postmaster-file.ts";
import { connectionUrl } from "../automation/src/postgres/roles.ts";
import type { Figure } from "./figure.ts";
import { median, printTable } from "./figure.ts";
import type { Installation } from "./installation.ts";
import { freePort, startInstallation } from "./installation.ts";
import type { BenchOptions } from "./options.ts";

const CLIENTS = 1_000;
const QUICK_CLIENTS = 100;
/** One in so many never reads. */
const STALLED_EVERY = 10;
const DEFAULT_ROUNDS = 40;
const WARM_UP_ROUNDS = 5;
/** A burst as an update makes it. */
const EVENTS_PER_ROUND = 20;
const LINE_BYTES = 400;
const ROUND_TIMEOUT_MS = 30_000;
/** Clients connect so many at a time. */
const CONNECT_AT_ONCE = 50;
const RATIO_LIMIT = 1.5;
/** What the server may grow by between the first and the last round, as a share of what it had: what stalled clients leave unread must not pile up in it. */
const GROWTH_LIMIT = 1.2;
const BYTES_PER_KB = 1024;

/** Clients of one server that are counted as they come to a marker. */
interface Crowd {
  /** Resolves with the time when the last good client had the marker. */
  reached(marker: string): Promise<number>;
  /** What one good client has read since the last call. */
  take(): Buffer;
  close(): void;
}

/**
 * One deployment's events to 1,000 clients of text/event-stream, one in ten of which never reads, against a bare loop of node:http that writes the same bytes to as many, in
 * turns. Figures: the median ratio of the times until the last good client has a burst, and how much the server's memory has grown from the first to the last one.
 */
export async function measureEvents({ pairs, quick }: BenchOptions): Promise<Figure[]> {
  const folder = await mkdtemp(join(tmpdir(), "slipway-bench-"));
  const undo: (() => Promise<unknown> | unknown)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    const installation = await startInstallation(join(folder, "data"), await freePort(), []);
    undo.push(() => installation.stop());
    const { db, close } = openOf(installation);
    undo.push(close);
    const bare = spawn(process.execPath, [join(import.meta.dirname, "bare-stream.ts")], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    undo.push(() => ended(bare));
    const barePort = Number(String((await once(bare.stdout, "data"))[0]).trim());
    const id = await insertRunning(db);
    const clients = quick ? QUICK_CLIENTS : CLIENTS;
    const ours = await connect(clients, {
      url: `${installation.baseUrl}/v1/deployments/${id}/events`,
      headers: { authorization: `Bearer ${installation.token}`, accept: "text/event-stream" },
    });
    undo.push(() => ours.close());
    const theirs = await connect(clients, { url: `http://127.0.0.1:${barePort}/`, headers: {} });
    undo.push(() => theirs.close());

    const server = serverPid(installation);
    const [slipway, loop]: [number[], number[]] = [[], []];
    let firstKb = 0;
    const rounds = quick ? 5 : (pairs ?? DEFAULT_ROUNDS);
    for (let round = 1; round <= WARM_UP_ROUNDS + rounds; round += 1) {
      const marker = `round-${round}-${randomUUID()}`;
      const began = performance.now();
      const reached = ours.reached(marker);
      await append(db, id, marker);
      const ourMs = (await reached) - began;
      const bytes = ours.take();
      const bareBegan = performance.now();
      const bareReached = theirs.reached(marker);
      await post(barePort, bytes);
      const theirMs = (await bareReached) - bareBegan;
      theirs.take();
      if (round === WARM_UP_ROUNDS) firstKb = residentKb(server);
      if (round <= WARM_UP_ROUNDS) continue;
      slipway.push(ourMs);
      loop.push(theirMs);
    }
    const lastKb = residentKb(server);
    const ratio = median(slipway.map((ms, index) => ms / (loop[index] ?? Number.NaN)));
    const growth = lastKb / firstKb;
    printTable(
      ["side", "clients", "stalled", "median ms", "longest ms"],
      [
        ["slipway", slipway],
        ["bare loop", loop],
      ].map(([side, times]) => [
        String(side),
        String(clients),
        String(clients / STALLED_EVERY),
        median(times as number[]).toFixed(1),
        Math.max(...(times as number[])).toFixed(1),
      ]),
    );
    console.log(`resident memory of the server: ${firstKb} KB at first, ${lastKb} KB at last`);
    return [
      {
        name: "events last client",
        value: ratio,
        limit: RATIO_LIMIT,
        text: ratio.toFixed(2),
        limitText: String(RATIO_LIMIT),
      },
      {
        name: "events memory",
        value: growth,
        limit: GROWTH_LIMIT,
        text: growth.toFixed(2),
        limitText: String(GROWTH_LIMIT),
      },
    ];
  } finally {
    for (const step of undo.toReversed()) await step();
  }
}

/** Opens the streams; one in ten is left unread from its head on. */
async function connect(
  count: number,
  { url, headers }: { url: string; headers: Record<string, string> },
): Promise<Crowd> {
  const agent = new Agent({ keepAlive: false, maxSockets: Number.POSITIVE_INFINITY });
  const streams: IncomingMessage[] = [];
  let taken: Buffer[] = [];
  let waiting: { marker: Buffer; left: number; resolve: (at: number) => void } | undefined;
  const open = async (index: number): Promise<void> => {
    const [response] = (await once(get(url, { agent, headers }), "response")) as [IncomingMessage];
    if (response.statusCode !== 200) throw new Error(`A stream was answered ${response.statusCode}.`);
    streams.push(response);
    response.on("error", () => {
      // Closed at the end of the bench.
    });
    if (index % STALLED_EVERY === 0) return;
    const isFirst = index === 1;
    let rest: Buffer = Buffer.alloc(0);
    response.on("data", (chunk: Buffer) => {
      if (isFirst) taken.push(chunk);
      if (waiting === undefined) return;
      // A marker may lie across two chunks.
      const { marker } = waiting;
      const isThere =
        chunk.includes(marker) || Buffer.concat([rest, chunk.subarray(0, marker.length)]).includes(marker);
      rest = chunk.subarray(-marker.length);
      if (!isThere) return;
      waiting.left -= 1;
      if (waiting.left === 0) waiting.resolve(performance.now());
    });
  };
  for (let from = 0; from < count; from += CONNECT_AT_ONCE) {
    await Promise.all(
      Array.from({ length: Math.min(CONNECT_AT_ONCE, count - from) }, (_, n) => open(from + n)),
    );
  }
  // The heads and the events of before.
  await sleep(2_000);
  taken = [];
  return {
    reached: (marker) =>
      new Promise((resolve, reject) => {
        const late = setTimeout(
          () => reject(new Error(`${waiting?.left} clients did not get a burst in time.`)),
          ROUND_TIMEOUT_MS,
        );
        waiting = {
          marker: Buffer.from(marker),
          left: count - Math.ceil(count / STALLED_EVERY),
          resolve: (at) => {
            clearTimeout(late);
            waiting = undefined;
            resolve(at);
          },
        };
      }),
    take: () => {
      const bytes = Buffer.concat(taken);
      taken = [];
      return bytes;
    },
    close: () => {
      for (const stream of streams) stream.destroy();
      agent.destroy();
    },
  };
}

/** A burst of output whose last line is the marker. */
async function append(db: Database, deploymentId: string, marker: string): Promise<void> {
  const at = new Date().toISOString();
  const line = "x".repeat(LINE_BYTES);
  const events = Array.from({ length: EVENTS_PER_ROUND }, (_, index) => ({
    at,
    body: {
      type: "output" as const,
      step: "update",
      stream: "stdout" as const,
      line: index === EVENTS_PER_ROUND - 1 ? marker : line,
    },
  }));
  await appendEvents(db, { deploymentId, attempt: 1, fence: null }, events);
}

async function post(port: number, body: Buffer): Promise<void> {
  const sent = request({ port, host: "127.0.0.1", method: "POST" });
  sent.end(body);
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  response.resume();
}

/** A deployment that runs and that no worker knows of. */
async function insertRunning(db: Database): Promise<string> {
  const id = randomUUID();
  await sql`
    with project as (
      insert into projects (id, organisation, name) values (gen_random_uuid(), 'default', 'bench-events') returning id
    ), stack as (
      insert into stacks (id, project_id, name, next_deployment) select gen_random_uuid(), id, 'dev', 2 from project returning id
    )
    insert into deployments (id, stack_id, number, operation, status, requested_by, config_digest, started_at)
    select ${id}, id, 1, 'update', 'running', 'bench', 'hmac-sha256:0', now() from stack
  `.execute(db);
  return id;
}

function openOf({ dataDir }: Installation) {
  const { dir, cluster } = findFolders(join(dataDir, "postgres"));
  const port = readPostmasterFile(cluster)?.port;
  if (port === undefined) throw new Error("The installation has no Postgres of its own; unset DATABASE_URL.");
  const url = connectionUrl(port, "postgres", loadCredentials(dir).admin, "slipway");
  return openDatabase(`${url}?sslmode=disable`, { applicationName: "slipway-bench", onIdleError: () => {} });
}

function serverPid({ dataDir }: Installation): number {
  return (JSON.parse(readFileSync(join(dataDir, "run", "server.json"), "utf8")) as { pid: number }).pid;
}

function residentKb(pid: number): number {
  const pages = Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
  return (pages * 4096) / BYTES_PER_KB;
}

async function ended(child: ChildProcess): Promise<void> {
  const exited = once(child, "exit");
  child.kill();
  await exited;
}
