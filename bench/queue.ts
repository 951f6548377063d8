import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { PgBoss } from "pg-boss";
import { loadCredentials } from "../automation/src/postgres/credentials.ts";
import { findFolders } from "../automation/src/postgres/location.ts";
import { readPostmasterFile } from "../automation/src/postgres/postmaster-file.ts";
import { connectionUrl } from "../automation/src/postgres/roles.ts";
import type { Figure } from "./figure.ts";
import { percentile, printTable } from "./figure.ts";
import type { Installation } from "./installation.ts";
import { freePort, startInstallation } from "./installation.ts";

const DEFAULT_SAMPLES = 100;
const WARM_UP_SAMPLES = 5;
const FIRST_INSTRUCTION_LIMIT_MS = 150;
const WAIT_SECONDS = 60;
/** Before each one, so that a containment is ready again: making one takes a third of a second of a machine at rest. */
const REST_MS = 2_000;
const PEER_REST_MS = 50;
const PEER_SCHEMA = "bench_queue";
const PEER_QUEUE = "peer";
const PATH = { organisation: "default", project: "bench-queue", stack: "bench" };

/** One deployment, in milliseconds from the moment its row was written. */
interface Sample {
  /** Until a worker began to claim. */
  taken: number;
  /** Until its attempt had begun and told of it. */
  claimed: number;
  /** Until the first instruction of the first program that the runner started. */
  first: number;
}

/**
 * From the enqueue of a deployment (its transaction's own time) to the first instruction of the first program that its runner starts, with everything warm (p99): claim, the
 * attempt's own copy of the source, and the start of that program included. A bare pg-boss with NOTIFY on the same Postgres stands beside it, a job
 * after each deployment.
 */
export async function measureQueue(samples = DEFAULT_SAMPLES): Promise<Figure[]> {
  const folder = await mkdtemp(join(tmpdir(), "slipway-bench-"));
  const program = join(folder, PATH.project);
  try {
    await writeProject(program);
    const installation = await startInstallation(join(folder, "data"), await freePort(), [folder]);
    try {
      return await measure(installation, program, samples);
    } finally {
      await installation.stop();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A project whose build tells the time with its first instruction, and fails: nothing of an engine is measured. */
async function writeProject(folder: string): Promise<void> {
  await mkdir(join(folder, "service"), { recursive: true });
  await writeFile(join(folder, "Pulumi.yaml"), `name: ${PATH.project}\nruntime: yaml\nresources: {}\n`);
  await writeFile(join(folder, "service", "README"), "Nothing is built here.\n");
  await writeFile(
    join(folder, "slipway.yaml"),
    'services:\n  clock:\n    path: service\n    build: [sh, -c, "date +%s%N; exit 1"]\n    artifact: .\n',
  );
}

async function measure(installation: Installation, program: string, samples: number): Promise<Figure[]> {
  const { client } = installation;
  await client.createProject({
    body: { organisation: PATH.organisation, name: PATH.project, folder: program },
  });
  await client.createStack({
    body: { organisation: PATH.organisation, project: PATH.project, name: PATH.stack },
  });
  const own: Sample[] = [];
  const peers: number[] = [];
  const peer = await startPeer(postgresUrlOf(installation));
  try {
    for (let round = 1; round <= WARM_UP_SAMPLES + samples; round += 1) {
      await pause(REST_MS);
      const sample = await deployOnce(installation);
      await pause(PEER_REST_MS);
      const handled = await peer.once();
      if (round <= WARM_UP_SAMPLES) continue;
      own.push(sample);
      peers.push(handled);
    }
  } finally {
    await peer.stop();
  }
  const row = (name: string, values: readonly number[]) => [
    name,
    ...[0.5, 0.95, 0.99, 1].map((share) => percentile(values, share).toFixed(1)),
  ];
  printTable(
    ["from enqueue to", "p50 ms", "p95 ms", "p99 ms", "max ms"],
    [
      row(
        "the claim's begin",
        own.map(({ taken }) => taken),
      ),
      row(
        "the attempt's begin",
        own.map(({ claimed }) => claimed),
      ),
      row(
        "runner's first instruction",
        own.map(({ first }) => first),
      ),
      row("handler of a bare pg-boss", peers),
    ],
  );
  const p99 = percentile(
    own.map(({ first }) => first),
    0.99,
  );
  return [
    {
      name: "queue",
      value: p99,
      limit: FIRST_INSTRUCTION_LIMIT_MS,
      text: `${p99.toFixed(0)} ms`,
      limitText: `${FIRST_INSTRUCTION_LIMIT_MS} ms`,
    },
  ];
}

async function deployOnce({ client }: Installation): Promise<Sample> {
  const { id } = await client.requestDeployment({ params: PATH, body: { operation: "update", options: {} } });
  const ended = await client.getDeployment({ params: { id }, query: { wait: WAIT_SECONDS } });
  if (ended.failure?.code !== "build_failed")
    throw new Error(
      `A deployment of the bench ended ${ended.status}: ${ended.failure?.detail ?? "without a failure"}`,
    );
  const { items } = await client.listEvents({ params: { id }, query: { after: 0, limit: 1_000 } });
  const enqueuedAt = Date.parse(ended.requestedAt);
  const claimed = items.find(({ body }) => body.type === "status" && body.status === "running");
  const told = items.flatMap(({ body }) =>
    body.type === "output" && /^\d{19}$/.test(body.line) ? [Number(BigInt(body.line) / 1_000n) / 1_000] : [],
  );
  if (claimed === undefined || told[0] === undefined) throw new Error("The build of the bench told no time.");
  return {
    taken: Date.parse(ended.startedAt ?? "") - enqueuedAt,
    claimed: Date.parse(claimed.at) - enqueuedAt,
    first: told[0] - enqueuedAt,
  };
}

/** The simplest queue on the same Postgres: one sender, one worker that listens, a handler that does nothing. */
async function startPeer(url: string): Promise<{ once(): Promise<number>; stop(): Promise<void> }> {
  const boss = new PgBoss({
    connectionString: url,
    schema: PEER_SCHEMA,
    supervise: false,
    schedule: false,
    useListenNotify: true,
  });
  boss.on("error", (error) => console.error(error));
  await boss.start();
  await boss.createQueue(PEER_QUEUE, { notify: true });
  let handled: (at: number) => void = () => {};
  await boss.work(PEER_QUEUE, async () => handled(performance.now()));
  return {
    async once() {
      const done = new Promise<number>((resolve) => {
        handled = resolve;
      });
      const before = performance.now();
      await boss.send(PEER_QUEUE, { stackId: "bench" });
      return (await done) - before;
    },
    stop: () => boss.stop({ graceful: false }),
  };
}

function postgresUrlOf({ dataDir }: Installation): string {
  const { dir, cluster } = findFolders(join(dataDir, "postgres"));
  const port = readPostmasterFile(cluster)?.port;
  if (port === undefined) throw new Error("The installation has no Postgres of its own; unset DATABASE_URL.");
  return `${connectionUrl(port, "postgres", loadCredentials(dir).admin, "slipway")}?sslmode=disable`;
}
