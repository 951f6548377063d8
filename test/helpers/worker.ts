import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import path from "node:path";
import { dependencyKey } from "../../automation/src/dependencies/key.ts";
import { pulumiForTests } from "../../automation/src/engine/pulumi-cli/testing.ts";
import type { TestApi } from "./api.ts";
import { shareCompiled } from "./compiled.ts";
import type { RunningEntry } from "./entry.ts";
import { startEntry } from "./entry.ts";

const REPOSITORY = path.resolve(import.meta.dirname, "../..");
const STOP_TIMEOUT_MS = 60_000;

/** A worker in a process of its own. */
export interface TestWorker extends RunningEntry {
  workerId: string;
}

export interface WorkerOptions {
  dataDir: string;
  databaseUrl: string;
  /** Of the server that is the state backend of its engines. */
  serverUrl: string;
  env?: Record<string, string>;
  /** An argv that the command line is appended to. */
  wrapper?: readonly string[];
}

/** Makes the HTTP side listen, once, and answers its URL: engines reach it as their state backend. */
export async function listening({ app }: Pick<TestApi, "app">): Promise<string> {
  if (!app.server.listening) await app.listen({ port: 0, host: "127.0.0.1" });
  const address = app.server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return `http://127.0.0.1:${address.port}`;
}

/** The real worker of a test's server. */
export async function startWorkerOf(
  api: TestApi,
  more: Pick<WorkerOptions, "env" | "wrapper"> = {},
): Promise<TestWorker> {
  const { dataDir, databaseUrl } = api;
  return startWorker({ dataDir, databaseUrl, serverUrl: await listening(api), ...more });
}

/** Starts the real worker and waits until it can take work. Whoever starts it ends it. */
export async function startWorker(options: WorkerOptions): Promise<TestWorker> {
  const pulumi = await pulumiForTests();
  shareCompiled(options.dataDir);
  const { process: running, ready } = await startEntry({
    entry: "worker.ts",
    env: {
      DATABASE_URL: options.databaseUrl,
      SLIPWAY_DATA_DIR: options.dataDir,
      SLIPWAY_SERVER_URL: options.serverUrl,
      SLIPWAY_PULUMI_PATH: pulumi.path,
      SLIPWAY_LANGUAGE_HOST_DIR: pulumi.languageHostDir ?? "",
      SLIPWAY_ENGINE_NODE: pulumi.nodePath,
      // A test that failed has something running that nobody waits for.
      SLIPWAY_DRAIN: "10s",
      ...options.env,
    },
    wrapper: options.wrapper,
    stopTimeoutMs: STOP_TIMEOUT_MS,
  });
  return { ...running, workerId: String(ready.workerId) };
}

/**
 * Puts a finished set of dependencies for a project's lockfile into a data folder's store: links to this repository's packages, so that a test of
 * something else need not install them.
 */
export function seedDependencies(dataDir: string, projectDir: string): void {
  const lockfile = readFileSync(path.join(projectDir, "package-lock.json"));
  const lockfileDigest = `sha256:${createHash("sha256").update(lockfile).digest("hex")}`;
  const { folder } = dependencyKey({ lockfileDigest, workspaces: [], nodeVersion: process.version });
  const to = path.join(dataDir, "dependencies", folder, "node_modules");
  const from = path.join(REPOSITORY, "node_modules");
  if (existsSync(to)) return;
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) {
    if (!name.startsWith(".")) symlinkSync(path.join(from, name), path.join(to, name));
  }
}
