import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { execa } from "execa";
import { testPostgres } from "./helpers/postgres.ts";

export const REPOSITORY = path.resolve(import.meta.dirname, "..");
const READY_WITHIN_MS = 60_000;

/** The real server as a process on a database of its own; no worker takes what is queued. */
export interface CliServer {
  url: string;
  token: string;
  /** Holds nothing but the owner's token. */
  tokenFile: string;
  dataDir: string;
  /** The only allowed root of projects. */
  projects: string;
  /** For the configuration of people. */
  home: string;
  stop(): Promise<void>;
}

export async function startCliServer(): Promise<CliServer> {
  const database = await testPostgres().freshDatabase();
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), "slipway-cli-")));
  chmodSync(folder, 0o711);
  const places = { dataDir: `${folder}/data`, projects: `${folder}/projects`, home: `${folder}/home` };
  for (const place of Object.values(places)) mkdirSync(place);
  const child = spawn(process.execPath, [path.join(REPOSITORY, "automation/src/server.ts")], {
    env: {
      ...process.env,
      DATABASE_URL: database.url,
      SLIPWAY_DATA_DIR: places.dataDir,
      SLIPWAY_LOG_LEVEL: "warn",
      SLIPWAY_PROJECT_ROOTS: places.projects,
      SLIPWAY_PORT: "0",
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
    await database.drop();
    rmSync(folder, { recursive: true, force: true });
  };
  const lines = createInterface(child.stdout);
  const line = once(lines, "line", { signal: AbortSignal.timeout(READY_WITHIN_MS) });
  try {
    const first = await Promise.race([line, ended.then(() => Promise.reject(new Error("the server ended")))]);
    const { port } = JSON.parse(String(first[0])) as { port: number };
    const tokenFile = path.join(places.dataDir, "owner-token");
    const token = readFileSync(tokenFile, "utf8").trim();
    return { ...places, url: `http://127.0.0.1:${port}`, token, tokenFile, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

export interface CliResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Runs `slipway` as its users do, in a pipe, and answers what it printed. */
export async function slipway(
  argv: readonly string[],
  options: { env?: Record<string, string>; cwd?: string; input?: string } = {},
): Promise<CliResult> {
  const shim = path.join(REPOSITORY, "automation/bin/slipway.mjs");
  const { exitCode, stdout, stderr } = await execa(process.execPath, [shim, ...argv], {
    cwd: options.cwd ?? tmpdir(),
    env: { SLIPWAY_TOKEN: "", SLIPWAY_URL: "", ...options.env },
    input: options.input ?? "",
    reject: false,
    stripFinalNewline: false,
  });
  return { exitCode: exitCode ?? -1, stdout, stderr };
}
