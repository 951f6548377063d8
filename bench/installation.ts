import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "../automation/src/client/index.ts";

export const REPOSITORY = join(import.meta.dirname, "..");
const READY_TIMEOUT_MS = 300_000;
const READY_POLL_MS = 50;
const STOP_TIMEOUT_MS = 30_000;

export type Client = ReturnType<typeof createClient>;

/** A running Slipway of this clone with a data folder of its own. */
export interface Installation {
  client: Client;
  baseUrl: string;
  dataDir: string;
  /** The owner's. */
  token: string;
  /** From the start of the process until /readyz answered 200. */
  readyAfterMs: number;
  stop(): Promise<void>;
}

/** A loopback port that nothing listens on at the moment of asking. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.listen(0, "127.0.0.1", resolve).once("error", reject));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === "string") throw new Error("The probe socket has no port.");
  return address.port;
}

/** `npm start` with `dataDir` and `port`; `roots` are folders that projects may lie in. Its output goes to `<dataDir>.out`. */
export async function startInstallation(
  dataDir: string,
  port: number,
  roots: string[],
): Promise<Installation> {
  const started = performance.now();
  const baseUrl = `http://127.0.0.1:${port}`;
  const output = openSync(`${dataDir}.out`, "a");
  const child = spawn("npm", ["start", "--silent"], {
    cwd: REPOSITORY,
    env: {
      ...process.env,
      SLIPWAY_DATA_DIR: dataDir,
      SLIPWAY_PORT: String(port),
      SLIPWAY_PROJECT_ROOTS: [REPOSITORY, ...roots].join(delimiter),
    },
    stdio: ["ignore", output, output],
    // A group of its own: npm's shell does not pass an interrupt on, so the whole group gets it, as from a terminal.
    detached: true,
  });
  closeSync(output);
  const signalGroup = (signal: NodeJS.Signals): void => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
      process.kill(-child.pid, signal);
  };
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  while (!(await answersReady(baseUrl))) {
    if (child.exitCode !== null || performance.now() - started > READY_TIMEOUT_MS) {
      signalGroup("SIGTERM");
      throw new Error(`Slipway did not become ready; see ${dataDir}.out`);
    }
    await sleep(READY_POLL_MS);
  }
  const readyAfterMs = performance.now() - started;
  const token = (await readFile(join(dataDir, "owner-token"), "utf8")).trim();
  return {
    client: createClient({ baseUrl, token }),
    baseUrl,
    dataDir,
    token,
    readyAfterMs,
    stop: async () => {
      signalGroup("SIGINT");
      const late = setTimeout(() => signalGroup("SIGKILL"), STOP_TIMEOUT_MS);
      await exited;
      clearTimeout(late);
    },
  };
}

async function answersReady(baseUrl: string): Promise<boolean> {
  try {
    return (await fetch(`${baseUrl}/readyz`)).ok;
  } catch {
    // Nothing listens yet: that is what is being waited for.
    return false;
  }
}
