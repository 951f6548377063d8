import { readFileSync } from "node:fs";
import path from "node:path";
import { systemClock } from "./clock.ts";
import { readStartConfig } from "./config.ts";
import { resolvePulumi } from "./engine/pulumi-cli/resolve.ts";
import { messageOf, SlipwayError } from "./errors.ts";
import { slipwayChildren } from "./start/children.ts";
import { earlierStateHints } from "./start/earlier-state.ts";
import { createProgress } from "./start/progress.ts";
import { type RunningSlipway, startSlipway } from "./start/slipway.ts";

/** One Ctrl-C often arrives twice: from the terminal and through npm. A later one means that the person is in a hurry. */
const SAME_SIGNAL_MS = 1_500;

const progress = createProgress(
  {
    write: (text) => process.stdout.write(text),
    isTerminal: process.stdout.isTTY === true,
    columns: process.stdout.columns ?? 80,
  },
  systemClock,
);
const stopping = new AbortController();
let running: RunningSlipway | undefined;
let firstSignalAt: number | undefined;
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, onSignal);
process.exitCode = await main();

async function main(): Promise<number> {
  const beganMs = performance.now();
  try {
    const config = readStartConfig();
    const { DATABASE_URL: _database, SLIPWAY_KEEPER_DATABASE_URL: _keeper, ...env } = process.env;
    const nodePath = process.execPath;
    running = await startSlipway(
      {
        config,
        env,
        nodePath,
        resolvePulumi: (note, signal) =>
          resolvePulumi({ env, nodePath, signal, onProgress: (_step, detail) => note(detail) }),
        migrateArgv: [nodePath, path.join(config.root, "automation", "src", "migrate.ts")],
        children: (context) => slipwayChildren(config, env, nodePath, context),
      },
      progress,
      stopping.signal,
    );
    greet(running, (performance.now() - beganMs) / 1000);
    for (const hint of earlierStateHints(config.dataDir)) progress.line(`  ${hint}`);
    await untilAborted(stopping.signal);
    progress.line("Stopping: worker, server, keeper and what it deployed, database.");
    await running.stop();
    progress.line("Stopped.");
    return 0;
  } catch (error) {
    progress.close();
    if (stopping.signal.aborted) {
      progress.line("Stopped before it was up.");
      return 130;
    }
    explain(error);
    return 1;
  }
}

function onSignal(): void {
  if (firstSignalAt !== undefined && performance.now() - firstSignalAt > SAME_SIGNAL_MS) running?.hurry();
  firstSignalAt ??= performance.now();
  stopping.abort();
}

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  // A timer keeps the process alive for as long as it has something to supervise.
  const alive = setInterval(() => {}, 60_000);
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => {
      clearInterval(alive);
      resolve();
    });
  });
}

function greet({ url, ownerTokenFile }: RunningSlipway, seconds: number): void {
  progress.line("");
  progress.line(`Slipway is running at ${url} (ready after ${seconds.toFixed(1)} s).`);
  if (process.stdout.isTTY) {
    // After the #, so that it reaches no server and no log of one; and on a terminal only, never in a file.
    const token = readFileSync(ownerTokenFile, "utf8").trim();
    progress.line(`  Sign in in a browser:  ${url}/#token=${token}`);
  } else {
    progress.line(`  Sign in in a browser:  ${url} with the token in ${ownerTokenFile}`);
  }
  progress.line("  Sign in on this shell:  npx slipway login");
  progress.line("  Stop:                   Ctrl-C");
}

function explain(error: unknown): void {
  const known = error instanceof SlipwayError;
  console.error(`Slipway did not start: ${messageOf(error)}`);
  if (known && error.remedy !== undefined) console.error(error.remedy);
  if (!known && error instanceof Error) console.error(error.stack);
}
