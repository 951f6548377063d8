import { readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Environment, StartConfig } from "../config.ts";
import type { PulumiInstallation } from "../engine/pulumi-cli/installation.ts";
import { messageOf, SlipwayError, systemCode } from "../errors.ts";
import { checkExternalPostgres } from "../postgres/external.ts";
import { type ChildSpec, type Supervised, supervised } from "./child.ts";
import { buildConsole } from "./console-build.ts";
import { openDataFolder } from "./data-folder.ts";
import { migrateDatabase, type StartedDatabase, startDatabase } from "./database.ts";
import { endLeftovers } from "./leftovers.ts";
import { checkPortFree } from "./port-holder.ts";
import type { Progress } from "./progress.ts";
import { projectNameOf, registerProject } from "./registration.ts";
import { urlOf } from "./url.ts";

const _READY_WITHIN_MS = 60_000;
const ANSWER_WITHIN_MS = 15_000;
const PROBE_PAUSE_MS = 50;

/** What is started after the database, in this order of dependence: the later ones stop first. */
export interface ChildContext {
  databaseUrl: string;
  keeperDatabaseUrl: string;
  pulumi: PulumiInstallation;
}

/** Everything that a start does which a test may want to replace by something smaller. */
export interface StartPlan {
  config: StartConfig;
  /** The environment that children inherit, without connection strings. */
  env: Environment;
  nodePath: string;
  /** Finds or makes the Pulumi CLI. */
  resolvePulumi(note: (text: string) => void, signal: AbortSignal): Promise<PulumiInstallation>;
  migrateArgv: readonly [string, ...string[]];
  children(context: ChildContext): readonly ChildSpec[];
}

export interface RunningSlipway {
  /** Where people and programs reach it. */
  url: string;
  ownerTokenFile: string;
  /** Ends everything, the last started first, and waits. Idempotent. */
  stop(): Promise<void>;
  /** Stops waiting for what does not end by itself; the keeper and the database are still ended in order. */
  hurry(): void;
}

/**
 * Brings up a whole Slipway on this machine. Checks first what can be checked without starting anything: folder, port,
 * DATABASE_URL. When a step fails, or `signal` says to stop, what was started is ended again before this throws.
 */
export async function startSlipway(
  plan: StartPlan,
  progress: Progress,
  signal: AbortSignal,
): Promise<RunningSlipway> {
  const { config } = plan;
  const data = openDataFolder(config.dataDir);
  const started: { database?: StartedDatabase; children: Supervised[] } = { children: [] };
  const stop = once(async () => {
    for (const child of started.children.toReversed()) await child.stop();
    await started.database?.stop();
    data.release();
  });
  try {
    const ended = await endLeftovers(data.run);
    if (ended.length > 0) progress.line(`  ended   ${ended.join(", ")} of a start that was killed`);
    await checkPortFree(config.host, config.port);
    if (config.databaseUrl !== undefined) await checkExternalPostgres(config.databaseUrl);
    const pulumi = await prepare(plan, progress, signal, started);
    if (started.database === undefined) throw new Error("no database was started");
    const context = {
      databaseUrl: started.database.url,
      keeperDatabaseUrl: started.database.keeperUrl,
      pulumi,
    };
    const tell = (message: string) => progress.line(`${new Date().toISOString()} ${message}`);
    started.children = plan.children(context).map((spec) => supervised(spec, data, tell));
    await all(started.children.map((child) => () => progress.step(child.name, () => child.start())));
    signal.throwIfAborted();
    const running = { url: urlOf(config), ownerTokenFile: path.join(data.path, "owner-token") };
    await progress.step("answer and project", () => introduce(running, config.root, progress, signal));
    return { ...running, stop, hurry: () => hurry(started.children) };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** CLI, database with its schema, and console: none needs another, and the CLI may take minutes. */
async function prepare(
  plan: StartPlan,
  progress: Progress,
  outer: AbortSignal,
  started: { database?: StartedDatabase },
): Promise<PulumiInstallation> {
  const failed = new AbortController();
  const signal = AbortSignal.any([outer, failed.signal]);
  const tell = (message: string) => progress.line(`${new Date().toISOString()} ${message}`);
  let pulumi: PulumiInstallation | undefined;
  const steps = [
    async () => {
      pulumi = await progress.step("Pulumi CLI", (note) => plan.resolvePulumi(note, signal));
    },
    async () => {
      const database = await progress.step("database", (note) => startDatabase(plan.config, note, tell));
      started.database = database;
      await progress.step("schema", () => migrateDatabase(plan.migrateArgv, plan.env, database.url, signal));
    },
    async () => {
      const built = await progress.step("console", () =>
        buildConsole(plan.config.root, plan.nodePath, signal),
      );
      if (built === "absent")
        progress.line("  skipped console: this clone has no frontend/console/index.html");
    },
  ];
  await all(
    steps.map((step) => async () => {
      try {
        await step();
      } catch (error) {
        failed.abort();
        throw error;
      }
    }),
  );
  outer.throwIfAborted();
  if (pulumi === undefined) throw new Error("no Pulumi CLI was resolved");
  return pulumi;
}

/** Runs all and waits for all; then throws the first failure, so that nothing is still being started during a stop. */
async function all(works: readonly (() => Promise<unknown>)[]): Promise<void> {
  const failures: unknown[] = [];
  await Promise.all(
    works.map((work) =>
      work().catch((error: unknown) => {
        failures.push(error);
      }),
    ),
  );
  if (failures.length > 0) throw failures[0];
}

/** Proves that the printed URL answers, and makes this repository known. */
async function introduce(
  running: { url: string; ownerTokenFile: string },
  root: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  await untilAnswers(running.url, signal);
  const name = projectNameOf(root);
  if (name === undefined) {
    progress.line("  skipped project: this clone has no Pulumi.yaml");
    return;
  }
  const token = ownerTokenIn(running.ownerTokenFile);
  await registerProject(running.url, token, root, name);
}

function ownerTokenIn(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (cause) {
    if (systemCode(cause) !== "ENOENT") throw cause;
    throw new SlipwayError(
      "owner_token_elsewhere",
      `This data folder does not have the owner's token (${file}).`,
      {
        cause,
        remedy:
          "Copy the file from the machine that has made it, or create it empty and start again: a new token is made, and the one before ends.",
      },
    );
  }
}

async function untilAnswers(url: string, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + ANSWER_WITHIN_MS;
  let last = "";
  while (performance.now() < deadline) {
    signal.throwIfAborted();
    try {
      const response = await fetch(new URL("/readyz", url), {
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      });
      await response.body?.cancel();
      if (response.ok) return;
      last = `status ${response.status}`;
    } catch (error) {
      last = messageOf(error);
    }
    await sleep(PROBE_PAUSE_MS);
  }
  throw new SlipwayError(
    "not_ready",
    `Slipway was started, but ${url}/readyz does not answer 200 (${last}).`,
    {
      remedy: "The logs of server and worker below the data folder say why.",
    },
  );
}

function hurry(children: readonly Supervised[]): void {
  // The keeper has to end what it deployed; killing it would leave those processes behind.
  for (const child of children) if (child.name !== "keeper") child.hurry();
}

function once(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => {
    running ??= work();
    return running;
  };
}
