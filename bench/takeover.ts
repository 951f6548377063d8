import { existsSync, readdirSync, readFileSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { loadCredentials } from "../automation/src/postgres/credentials.ts";
import { readPostmasterFile } from "../automation/src/postgres/postmaster-file.ts";
import { connectionUrl } from "../automation/src/postgres/roles.ts";
import { writeLedgerProject } from "../test/helpers/ledger-project.ts";
import { seedDependencies, startWorker, type TestWorker } from "../test/helpers/worker.ts";
import type { Figure } from "./figure.ts";
import { percentile, printTable } from "./figure.ts";
import type { Installation } from "./installation.ts";
import { freePort, startInstallation } from "./installation.ts";
import type { BenchOptions } from "./options.ts";

const ROUNDS = 5;
const QUICK_ROUNDS = 1;
const PAUSES = 3;
/** Each worker runs two at once, and two workers are killed in a round. */
const STACKS = ["a", "b", "c", "d"];
const VERDICT_LIMIT_MS = 20_000;
const PAUSE_MS = 10_000;
/** A provider that is at one resource for so long is at it when its worker is killed. */
const LONG_MS = 90_000;
/** One resource after another, for longer than a pause. */
const SHORT_MS = 1_500;
const SHORT_TEXTS = Array.from({ length: 10 }, (_, index) => `r${index}`);
const BEGUN_WITHIN_MS = 120_000;
const WAIT_SECONDS = 60;
const POLL_MS = 50;

interface Bed {
  slipway: Installation;
  folder: string;
  database: pg.Pool;
}

/**
 * From kill -9 of a worker in the update step until another worker has told what became of it (p95): of a worker of the same machine, which is seen to be dead, and of one in a PID
 * namespace of its own, as on another machine, whose lease has to run out. And how many healthy runs a pause of 10 s of all of Postgres ends.
 */
export async function measureTakeover({ pairs, quick }: BenchOptions): Promise<Figure[]> {
  const rounds = pairs ?? (quick ? QUICK_ROUNDS : ROUNDS);
  const folder = await mkdtemp(join(tmpdir(), "slipway-bench-"));
  // The database runs as an unprivileged user when root starts it, and is looked for below.
  await chmod(folder, 0o711);
  const dataDir = join(folder, "data");
  const slipway = await startInstallation(dataDir, await freePort(), [folder]);
  let database: pg.Pool | undefined;
  try {
    database = new pg.Pool({ connectionString: databaseUrlOf(dataDir), max: 2 });
    // Postgres stands still for a while, on purpose.
    database.on("error", () => undefined);
    const bed = { slipway, folder, database };
    const [here, elsewhere] = await killWorkers(bed, rounds);
    const pauses = await pausePostgres(bed, quick ? 1 : PAUSES);
    printTable(
      ["verdict after", "trials", "median ms", "p95 ms", "longest ms"],
      [
        ["same machine", ...columnsOf(here)],
        ["another machine", ...columnsOf(elsewhere)],
      ],
    );
    console.log(`${pauses.runs} runs went through ${pauses.pauses} pauses of 10 s`);
    if (elsewhere.length === 0)
      console.log("skipped: another machine, which needs root for a PID namespace of its own");
    const name = "takeover healthy runs killed";
    return [
      verdict("takeover p95", here),
      ...(elsewhere.length === 0 ? [] : [verdict("takeover other-machine p95", elsewhere)]),
      { name, value: pauses.killed, limit: 0, text: `${pauses.killed} of ${pauses.runs}`, limitText: "0" },
    ];
  } finally {
    await database?.end();
    await slipway.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function columnsOf(times: readonly number[]): string[] {
  if (times.length === 0) return ["0", "-", "-", "-"];
  return [String(times.length), ...[0.5, 0.95, 1].map((share) => percentile(times, share).toFixed(0))];
}

function verdict(name: string, times: readonly number[]): Figure {
  const value = percentile(times, 0.95);
  const text = `${(value / 1000).toFixed(1)} s of ${times.length} trials`;
  return { name, value, limit: VERDICT_LIMIT_MS, text, limitText: `${VERDICT_LIMIT_MS / 1000} s, aim 8 s` };
}

/** Kills the installation's worker and one in a namespace of its own, again and again. Answers the times to the verdicts of both. */
async function killWorkers(bed: Bed, rounds: number): Promise<[here: number[], elsewhere: number[]]> {
  const here: number[] = [];
  const elsewhere: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const other = await startElsewhere(bed);
    const began = await beginAll(bed, `kill-${round}`, { delayMs: LONG_MS, texts: ["one", "two"] });
    const owners = await ownersOf(bed, began);
    const killedAt = performance.now();
    process.kill(workerPid(bed.slipway.dataDir), "SIGKILL");
    // Its wrapper is not the worker: whatever is in its namespace goes with that one.
    if (other !== undefined) for (const pid of childrenOf(other.pid)) process.kill(pid, "SIGKILL");
    await Promise.all(
      began.map(async (id) => {
        const ended = await untilEnded(bed, id);
        const took = performance.now() - killedAt;
        if (ended.status !== "interrupted")
          throw new Error(`A deployment of the bench ended ${ended.status}.`);
        (owners.get(id) === other?.workerId ? elsewhere : here).push(took);
      }),
    );
    await other?.kill();
  }
  return [here, elsewhere];
}

/** Stops all of Postgres for 10 s while deployments run, at another moment of their leases each time. */
async function pausePostgres(
  bed: Bed,
  pauses: number,
): Promise<{ runs: number; killed: number; pauses: number }> {
  let runs = 0;
  let killed = 0;
  for (let pause = 0; pause < pauses; pause += 1) {
    const other = await startElsewhere(bed);
    const began = await beginAll(bed, `pause-${pause}`, { delayMs: SHORT_MS, texts: SHORT_TEXTS });
    await sleep((pause * SHORT_MS) / pauses);
    const processes = postgresProcesses(bed.slipway.dataDir);
    for (const pid of processes) process.kill(pid, "SIGSTOP");
    await sleep(PAUSE_MS);
    for (const pid of processes.toReversed()) process.kill(pid, "SIGCONT");
    for (const id of began) {
      const { status, attempts, failure } = await untilEnded(bed, id);
      runs += 1;
      if (status === "succeeded" && attempts === 1) continue;
      killed += 1;
      console.log(`a healthy run ended ${status} after ${attempts} attempts: ${failure?.detail ?? ""}`);
    }
    await other?.stop();
  }
  return { runs, killed, pauses };
}

/** Deploys one stack each and waits until every provider is at work. Answers the deployments' ids. */
async function beginAll(
  { slipway, folder }: Bed,
  name: string,
  { delayMs, texts }: { delayMs: number; texts: readonly string[] },
): Promise<string[]> {
  const { client, dataDir } = slipway;
  const asked = STACKS.map(async (stack) => {
    const project = `${name}-${stack}`;
    const ledger = join(folder, `${project}.txt`);
    const program = { version: "v1", ledger, texts, delayMs, distinct: true };
    const home = writeLedgerProject(join(folder, project), project, program);
    seedDependencies(dataDir, home);
    await client.createProject({ body: { name: project, folder: home } });
    await client.createStack({ body: { project, name: stack } });
    const { id } = await client.requestDeployment({
      params: { organisation: "default", project, stack },
      body: { operation: "update", options: { skipPreview: true, parallel: 1 } },
    });
    return { id, ledger };
  });
  const all = await Promise.all(asked);
  const deadline = performance.now() + BEGUN_WITHIN_MS;
  // With one worker alone two of four run, and the rest only once these have ended.
  const wanted = process.getuid?.() === 0 ? all.length : all.length / 2;
  while (all.filter(({ ledger }) => existsSync(ledger)).length < wanted) {
    if (performance.now() > deadline) throw new Error("The deployments of the bench did not begin.");
    await sleep(POLL_MS);
  }
  return all.filter(({ ledger }) => existsSync(ledger)).map(({ id }) => id);
}

async function untilEnded({ slipway }: Bed, id: string) {
  for (;;) {
    const now = await slipway.client
      .getDeployment({ params: { id }, query: { wait: WAIT_SECONDS } })
      // The server, too, waits for a database that stands still.
      .catch(() => undefined);
    if (now !== undefined && now.finishedAt !== null) return now;
    await sleep(POLL_MS);
  }
}

/** The worker of each deployment's attempt. */
async function ownersOf({ database }: Bed, ids: readonly string[]): Promise<Map<string, string>> {
  const { rows } = await database.query<{ id: string; worker: string }>(
    "select deployment_id as id, worker_id as worker from attempts where deployment_id = any($1)",
    [ids],
  );
  return new Map(rows.map(({ id, worker }) => [id, worker]));
}

/** A worker whose processes nobody else can see; undefined without root. */
async function startElsewhere({ slipway }: Bed): Promise<TestWorker | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const { dataDir, baseUrl } = slipway;
  return startWorker({
    dataDir,
    databaseUrl: databaseUrlOf(dataDir),
    serverUrl: baseUrl,
    wrapper: ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"],
  });
}

function databaseUrlOf(dataDir: string): string {
  const folder = join(dataDir, "postgres");
  const port = readPostmasterFile(join(folder, "cluster"))?.port;
  if (port === undefined) throw new Error("The database of the bench does not run.");
  return connectionUrl(port, "slipway", loadCredentials(folder).server, "slipway");
}

function workerPid(dataDir: string): number {
  return (JSON.parse(readFileSync(join(dataDir, "run", "worker.json"), "utf8")) as { pid: number }).pid;
}

/** The postmaster first. */
function postgresProcesses(dataDir: string): number[] {
  const postmaster = readPostmasterFile(join(dataDir, "postgres", "cluster"))?.pid;
  if (postmaster === undefined) throw new Error("The database of the bench does not run.");
  return [postmaster, ...childrenOf(postmaster)];
}

function childrenOf(parent: number): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && parentOf(pid) === parent);
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    // It ended between listing and reading.
    return undefined;
  }
}
