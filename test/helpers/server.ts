import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { createClient } from "../../automation/src/client/index.ts";

const ENTRY = path.resolve(import.meta.dirname, "../../automation/src/server.ts");
const STOP_TIMEOUT_MS = 30_000;

/** A server in a process of its own. */
export interface TestServer {
  pid: number;
  port: number;
  /** All that it printed. */
  output(): string;
  /** SIGTERM; resolves with its exit code. */
  stop(): Promise<number | null>;
  /** kill -9. */
  kill(): Promise<void>;
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
  const [program = "", ...args] = [...(options.wrapper ?? []), process.execPath, ENTRY];
  const child = spawn(program, args, {
    env: {
      ...process.env,
      DATABASE_URL: options.databaseUrl,
      SLIPWAY_DATA_DIR: options.dataDir,
      SLIPWAY_PROJECT_ROOTS: options.projects,
      SLIPWAY_PORT: String(options.port ?? 0),
      SLIPWAY_LOG_LEVEL: "warn",
      ...options.env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines: string[] = [];
  const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
  const ready = Promise.withResolvers<number>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line);
      if (line.startsWith('{"ready":true')) ready.resolve((JSON.parse(line) as { port: number }).port);
    });
  }
  void exited.then((code) => ready.reject(new Error(`the server ended with ${code}:\n${lines.join("\n")}`)));
  const port = await ready.promise;
  return {
    pid: child.pid ?? 0,
    port,
    output: () => lines.join("\n"),
    stop: () => {
      child.kill("SIGTERM");
      const late = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
      return exited.finally(() => clearTimeout(late));
    },
    kill: async () => {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

/** A client with the owner's token, which lies in the data folder of the server that made it. */
export function ownerClient(baseUrl: string, dataDir: string): ReturnType<typeof createClient> {
  return createClient({ baseUrl, token: ownerToken(dataDir) });
}

export function ownerToken(dataDir: string): string {
  return readFileSync(path.join(dataDir, "owner-token"), "utf8").trim();
}
