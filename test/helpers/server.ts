import { readFileSync } from "node:fs";
import path from "node:path";
import { createClient } from "../../automation/src/client/index.ts";
import type { RunningEntry } from "./entry.ts";
import { startEntry } from "./entry.ts";

const STOP_TIMEOUT_MS = 30_000;

/** A server in a process of its own. */
export interface TestServer extends RunningEntry {
  port: number;
}

export interface ServerOptions {
  databaseUrl: string;
  dataDir: string;
  /** Folders that may hold projects. */
  projects: string;
  /** 0 for one of its own. */
  port?: number;
  env?: Readonly<Record<string, string>>;
  /** An argv that the command line is appended to. */
  wrapper?: readonly string[];
}

/** Starts the real server and waits until it listens. Whoever starts it ends it. */
export async function startServer(options: ServerOptions): Promise<TestServer> {
  const { process: running, ready } = await startEntry({
    entry: "server.ts",
    env: {
      DATABASE_URL: options.databaseUrl,
      SLIPWAY_DATA_DIR: options.dataDir,
      SLIPWAY_PROJECT_ROOTS: options.projects,
      SLIPWAY_PORT: String(options.port ?? 0),
      SLIPWAY_LOG_LEVEL: "warn",
      ...options.env,
    },
    wrapper: options.wrapper,
    stopTimeoutMs: STOP_TIMEOUT_MS,
  });
  return { ...running, port: Number(ready.port) };
}

/** A client with the owner's token, which lies in the data folder of the server that made it. */
export function ownerClient(baseUrl: string, dataDir: string): ReturnType<typeof createClient> {
  return createClient({ baseUrl, token: ownerToken(dataDir) });
}

export function ownerToken(dataDir: string): string {
  return readFileSync(path.join(dataDir, "owner-token"), "utf8").trim();
}
