import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { RequestDeployment } from "../automation/src/contract/index.ts";
import { quietEnvironment } from "../automation/src/engine/environment.ts";
import { pulumiEnvironment } from "../automation/src/engine/pulumi-cli/environment.ts";
import { resolvePulumi } from "../automation/src/engine/pulumi-cli/resolve.ts";
import type { Figure } from "./figure.ts";
import { median, printTable } from "./figure.ts";
import type { Installation } from "./installation.ts";
import { freePort, startInstallation } from "./installation.ts";
import { writeProgram } from "./program.ts";

const run = promisify(execFile);
const DEFAULT_PAIRS = 10;
const WARM_UP_PAIRS = 2;
const PARALLEL = 16;
const LARGE = 200;
const SMALL = 10;
const LARGE_RATIO_LIMIT = 1.1;
const SMALL_EXTRA_LIMIT_MS = 300;
const WAIT_SECONDS = 60;
const ORGANISATION = "default";

/** Runs one round of equal work and returns milliseconds. */
type Round = (round: number) => Promise<number>;
interface Contest {
  line: "direct" | "planned";
  resources: number;
  slipway: Round;
  /** The CLI as it ships. */
  raw: Round;
  /** The CLI with the runner's own setting of the journal: what is left is Slipway's part alone. Printed, no limit. */
  tuned: Round;
}
const SIDES = ["slipway", "raw", "tuned"] as const;

/**
 * From the request to the recorded release, against the same CLI by hand, as a person runs it on the same server: same program, dependencies, state
 * backend, parallelism and compile cache; every round changes every resource. Alternates, and swaps who begins.
 */
export async function measureOverhead(pairs = DEFAULT_PAIRS): Promise<Figure[]> {
  const folder = await mkdtemp(join(tmpdir(), "slipway-bench-"));
  const installation = await startInstallation(join(folder, "data"), await freePort(), [folder]);
  try {
    const figures: Figure[] = [];
    for (const resources of [SMALL, LARGE]) {
      for (const line of ["direct", "planned"] as const) {
        const contest = await prepare(folder, installation, line, resources);
        figures.push(await compare(contest, pairs));
      }
    }
    return figures;
  } finally {
    await installation.stop();
    if (process.env.KEEP === undefined) await rm(folder, { recursive: true, force: true });
  }
}

async function prepare(
  folder: string,
  installation: Installation,
  line: Contest["line"],
  resources: number,
): Promise<Contest> {
  const name = `bench-${line}-${resources}`;
  const program = join(folder, name);
  await writeProgram(program, name);
  const path = { organisation: ORGANISATION, project: name, stack: "bench" };
  await installation.client.createProject({ body: { organisation: ORGANISATION, name, folder: program } });
  await installation.client.createStack({
    body: { organisation: ORGANISATION, project: name, name: "bench" },
  });
  await installation.client.setConfig({
    params: { ...path, key: `${name}:resources` },
    body: { value: String(resources) },
  });
  const given = { folder, program, name, resources, installation };
  const raw = await rawCommands({ ...given, stack: "raw", settings: {} });
  const { PULUMI_JOURNALING_BATCH_PERIOD = "" } = quietEnvironment("update");
  const tuned = await rawCommands({ ...given, stack: "tuned", settings: { PULUMI_JOURNALING_BATCH_PERIOD } });
  return {
    line,
    resources,
    raw: raw[line],
    tuned: tuned[line],
    slipway: async (round) => {
      const value = String(round);
      await installation.client.setConfig({ params: { ...path, key: `${name}:round` }, body: { value } });
      const started = performance.now();
      await deploy(installation, path, {
        operation: "update",
        options: { parallel: PARALLEL, refresh: false, ...(line === "direct" ? { skipPreview: true } : {}) },
      });
      return performance.now() - started;
    },
  };
}

async function deploy(
  installation: Installation,
  params: { organisation: string; project: string; stack: string },
  body: RequestDeployment,
): Promise<void> {
  const { client } = installation;
  let deployment = await client.requestDeployment({ params, query: { wait: WAIT_SECONDS }, body });
  while (deployment.finishedAt === null) {
    deployment = await client.getDeployment({ params: { id: deployment.id }, query: { wait: WAIT_SECONDS } });
  }
  if (deployment.status !== "succeeded" || deployment.release === null) {
    throw new Error(
      `A deployment of the bench ended ${deployment.status}: ${JSON.stringify(deployment.failure)}`,
    );
  }
}

interface ByHand {
  folder: string;
  program: string;
  /** Of the project. */
  name: string;
  stack: string;
  resources: number;
  installation: Installation;
  /** Environment beyond what a person has. */
  settings: Readonly<Record<string, string>>;
}

async function rawCommands(given: ByHand): Promise<Record<Contest["line"], Round>> {
  const { folder, program, name, stack, resources, settings } = given;
  const { baseUrl, token } = given.installation;
  const pulumi = await resolvePulumi({ env: process.env, nodePath: process.execPath });
  const home = join(folder, `${stack}-${name}`);
  await mkdir(home);
  // What a person's shell would give it, and the compile cache, so that the program itself costs both sides the same.
  const env = {
    ...pulumiEnvironment(pulumi, { compileCacheDir: join(home, "compile-cache") }),
    HOME: home,
    PULUMI_BACKEND_URL: baseUrl,
    PULUMI_ACCESS_TOKEN: token,
    PULUMI_HOME: join(home, "pulumi-home"),
    ...settings,
  };
  const cli = async (...args: string[]): Promise<void> => {
    await run(pulumi.path, ["--non-interactive", ...args], {
      cwd: program,
      env,
      maxBuffer: 64 * 1024 * 1024,
    });
  };
  await cli("stack", "init", `${ORGANISATION}/${name}/${stack}`);
  await cli("config", "set", `${name}:resources`, String(resources), "--stack", stack);
  const configure = (round: number): Promise<void> =>
    cli("config", "set", `${name}:round`, String(round), "--stack", stack);
  const timed =
    (work: () => Promise<void>): Round =>
    async (round) => {
      await configure(round);
      const started = performance.now();
      await work();
      return performance.now() - started;
    };
  const common = ["--stack", stack, "--parallel", String(PARALLEL), "--refresh=false"];
  const plan = join(home, "plan.json");
  return {
    direct: timed(() => cli("up", "--yes", "--skip-preview", ...common)),
    planned: timed(async () => {
      await cli("preview", `--save-plan=${plan}`, ...common);
      await cli("up", "--yes", "--skip-preview", `--plan=${plan}`, ...common);
    }),
  };
}

async function compare(contest: Contest, pairs: number): Promise<Figure> {
  const times: Record<(typeof SIDES)[number], number[]> = { slipway: [], raw: [], tuned: [] };
  for (let round = 1; round <= WARM_UP_PAIRS + pairs; round += 1) {
    for (const side of round % 2 === 0 ? SIDES : SIDES.toReversed()) {
      const took = await contest[side](round);
      if (round > WARM_UP_PAIRS) times[side].push(took);
    }
  }
  const { slipway: ours, raw: theirs, tuned } = times;
  const ratios = ours.map((value, index) => value / (theirs[index] ?? Number.NaN));
  const extras = ours.map((value, index) => value - (theirs[index] ?? Number.NaN));
  const tunedRatios = ours.map((value, index) => value / (tuned[index] ?? Number.NaN));
  console.log(`${contest.line}, ${contest.resources} resources, ${pairs} pairs`);
  printTable(
    ["pair", "slipway ms", "raw ms", "ratio", "extra ms", "tuned raw ms", "ratio to it"],
    ours.map((value, index) => [
      String(index + 1),
      value.toFixed(0),
      (theirs[index] ?? Number.NaN).toFixed(0),
      (ratios[index] ?? Number.NaN).toFixed(3),
      (extras[index] ?? Number.NaN).toFixed(0),
      (tuned[index] ?? Number.NaN).toFixed(0),
      (tunedRatios[index] ?? Number.NaN).toFixed(3),
    ]),
  );
  console.log(`median to the CLI with the runner's setting: ${median(tunedRatios).toFixed(3)}`);
  const name = `overhead ${contest.line} ${contest.resources}`;
  if (contest.resources === LARGE) {
    const value = median(ratios);
    const limit = LARGE_RATIO_LIMIT;
    return {
      name,
      value,
      limit,
      text: `${value.toFixed(3)} of raw`,
      limitText: `${limit.toFixed(2)} of raw`,
    };
  }
  const value = median(extras);
  const limit = SMALL_EXTRA_LIMIT_MS;
  return {
    name,
    value,
    limit,
    text: `raw ${value < 0 ? "-" : "+"} ${Math.abs(value).toFixed(0)} ms`,
    limitText: `raw + ${limit} ms`,
  };
}
