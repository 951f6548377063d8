import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { quietEnvironment } from "../automation/src/engine/environment.ts";
import { DEFAULT_PARALLEL } from "../automation/src/engine/pulumi-arguments.ts";
import type { StateBed } from "./state-bed.ts";
import { PROJECT, STACK, writeStateProgram } from "./state-program.ts";

/** A backend with the settings that it is measured with. */
export interface Side {
  name: SideName;
  env: Record<string, string>;
  /** Arguments of every update. */
  arguments: readonly string[];
  /** Folder of its program: config files of stacks differ by backend. */
  cwd: string;
  /** As the CLI names it. */
  stack: string;
  isSlipway: boolean;
  /** Makes a new, empty backend where that is a thing of its own. */
  prepare(): Promise<void>;
}
export type SideName = "shipped" | "runner" | "file" | "floor" | "postgres";

/** How Slipway's runner starts the engine, or another choice that is to be measured. */
export interface RunnerSettings {
  batchPeriodMs: number;
  parallel: number;
}

/** The settings that the product uses. */
export const RUNNER_SETTINGS: RunnerSettings = {
  batchPeriodMs: Number(quietEnvironment("update").PULUMI_JOURNALING_BATCH_PERIOD ?? "50"),
  parallel: DEFAULT_PARALLEL,
};
/** As engine/environment.ts sets them; the floor gets them too, so that only the backend differs. */
const ENGINE_MEMORY = { GOGC: "300", GOMEMLIMIT: "1GiB" };

/** Prefix of the sides' folders, and whether requests pass the proxies. */
interface Way {
  home: string;
  proxied: boolean;
}

/**
 * All sides, each with its own home and program. `proxied`: what speaks with a server does so through the proxies that count, at the price of their time.
 */
export async function prepareSides(
  bed: StateBed,
  runner: RunnerSettings,
  { proxied }: { proxied: boolean },
): Promise<Record<SideName, Side>> {
  const way: Way = { home: proxied ? "counted-" : "", proxied };
  const parallel = [`--parallel=${runner.parallel}`];
  const floor = {
    ...ENGINE_MEMORY,
    PULUMI_SKIP_CHECKPOINTS: "true",
    PULUMI_EXPERIMENTAL: "true",
  };
  return {
    shipped: await slipwaySide(bed, way, "shipped", {}, []),
    runner: await slipwaySide(
      bed,
      way,
      "runner",
      { ...ENGINE_MEMORY, PULUMI_JOURNALING_BATCH_PERIOD: String(runner.batchPeriodMs) },
      parallel,
    ),
    file: await fileSide(bed, way, "file", {}, []),
    floor: await fileSide(bed, way, "floor", floor, parallel),
    postgres: await postgresSide(bed, way),
  };
}

async function slipwaySide(
  bed: StateBed,
  { home, proxied }: Way,
  name: SideName,
  env: Record<string, string>,
  more: readonly string[],
): Promise<Side> {
  const cwd = await programOf(bed, home + name);
  const server = proxied ? bed.slipway : { ...bed.slipway, PULUMI_BACKEND_URL: bed.installation.baseUrl };
  return {
    name,
    env: { ...bed.cliEnvironment(home + name), ...server, ...env },
    arguments: more,
    cwd,
    stack: `default/${PROJECT}/${STACK}`,
    isSlipway: true,
    prepare: () => Promise.resolve(),
  };
}

async function fileSide(
  bed: StateBed,
  { home }: Way,
  name: SideName,
  env: Record<string, string>,
  more: readonly string[],
): Promise<Side> {
  const cwd = await programOf(bed, home + name);
  const state = join(bed.folder, `${home}${name}-state`);
  await mkdir(state);
  return {
    name,
    env: { ...bed.cliEnvironment(home + name), PULUMI_BACKEND_URL: `file://${state}`, ...env },
    arguments: more,
    cwd,
    stack: `organization/${PROJECT}/${STACK}`,
    isSlipway: false,
    prepare: () => Promise.resolve(),
  };
}

async function postgresSide(bed: StateBed, { home, proxied }: Way): Promise<Side> {
  const cwd = await programOf(bed, `${home}postgres`);
  const database = proxied ? "bench_counted_peer" : "bench_peer";
  return {
    name: "postgres",
    env: {
      ...bed.cliEnvironment(`${home}postgres`),
      PULUMI_BACKEND_URL: bed.postgresUrl(database, { proxied }),
    },
    arguments: [],
    cwd,
    stack: `organization/${PROJECT}/${STACK}`,
    isSlipway: false,
    prepare: async () => {
      const client = new pg.Client({ connectionString: bed.postgresUrl("postgres") });
      await client.connect();
      try {
        await client.query(`drop database if exists ${database} with (force)`);
        await client.query(`create database ${database}`);
      } finally {
        await client.end();
      }
    },
  };
}

async function programOf(bed: StateBed, name: string): Promise<string> {
  const folder = join(bed.folder, `program-${name}`);
  await writeStateProgram(folder);
  return folder;
}
