import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createClient } from "../../automation/src/client/index.ts";
import { loadCredentials } from "../../automation/src/postgres/credentials.ts";
import { readPostmasterFile } from "../../automation/src/postgres/postmaster-file.ts";
import { connectionUrl } from "../../automation/src/postgres/roles.ts";
import { COMPILE_CACHE, shareCompiled } from "./compiled.ts";
import { freePort } from "./sample.ts";

const REPOSITORY = path.resolve(import.meta.dirname, "../..");
/** A first start may have to build the console, and on a bare machine the Pulumi CLI. */
const READY_TIMEOUT_MS = 170_000;
const STOP_TIMEOUT_MS = 60_000;
const CLI_TIMEOUT_MS = 150_000;
const UP = /^Slipway is running at (\S+) /m;

export type Client = ReturnType<typeof createClient>;

/** What a program printed, and how it ended. */
export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A folder for one or more starts: their data, the projects they may read, and a home of their own. */
export interface Place {
  dataDir: string;
  /** An allowed root for projects. */
  projects: string;
  /** HOME and TMPDIR of everything that is started here; the CLI and npm caches stay the machine's. */
  home: string;
  tmp: string;
  port: number;
  remove(): void;
}

/** A whole Slipway of this working tree: database, keeper, server, worker. */
export interface Installation extends Place {
  client: Client;
  baseUrl: string;
  token: string;
  /** Process id of the start. */
  pid: number;
  /** From the start of the process until it said that it is running. */
  readyAfterMs: number;
  /** All that the start has printed. */
  output(): string;
  /** Connection string of the server's own role on its database. */
  databaseUrl(): string;
  /** Runs the CLI as `npx slipway` would, signed in as the owner of this machine is: by the file in the data folder. */
  cli(args: readonly string[], options?: CliOptions): Promise<Ran>;
  /** Ctrl-C; resolves with the exit code once everything that was started is gone. */
  stop(): Promise<number | null>;
}

export interface CliOptions {
  cwd?: string;
  env?: Readonly<Record<string, string>>;
}

export interface StartOptions {
  place?: Place;
  env?: Readonly<Record<string, string | undefined>>;
  /** In a network namespace that has a loopback interface and nothing else. Only `cli` reaches it then; needs root. */
  offline?: boolean;
  /** An argv that the command line is appended to. */
  wrapper?: readonly string[];
}

/** Makes a place. Its folders can be passed by other users, as the database needs when started by root. */
export async function newPlace(name: string): Promise<Place> {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), `slipway-${name}-`)));
  chmodSync(folder, 0o711);
  const of = (part: string): string => path.join(folder, part);
  for (const part of ["projects", "home", "tmp"]) mkdirSync(of(part));
  return {
    dataDir: of("data"),
    projects: of("projects"),
    home: of("home"),
    tmp: of("tmp"),
    port: await freePort(),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Starts a Slipway and waits until it says that it is running. Throws with its output when it does not. */
export async function startInstallation(options: StartOptions = {}): Promise<Installation> {
  const place = options.place ?? (await newPlace("installation"));
  shareCompiled(place.dataDir);
  const env = { ...environmentOf(place), ...options.env };
  const entry = [process.execPath, path.join(REPOSITORY, "automation/src/start.ts")];
  const beganMs = performance.now();
  const [program = "", ...args] = [
    ...(options.offline === true ? OFFLINE : []),
    ...(options.wrapper ?? []),
    ...entry,
  ];
  const child = spawn(program, args, { cwd: REPOSITORY, env, stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  const up = Promise.withResolvers<string>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      printed += text;
      const url = UP.exec(printed)?.[1];
      if (url !== undefined) up.resolve(url);
    });
  }
  const exited = endOf(child);
  void exited.then(({ code }) =>
    up.reject(new Error(`the start ended with ${String(code)}:\n${printed}${logsIn(place.dataDir)}`)),
  );
  const late = setTimeout(() => {
    up.reject(new Error(`not running within ${READY_TIMEOUT_MS} ms:\n${printed}`));
    child.kill("SIGTERM");
  }, READY_TIMEOUT_MS);
  const baseUrl = await up.promise.finally(() => clearTimeout(late));
  const readyAfterMs = performance.now() - beganMs;
  const token = readFileSync(path.join(place.dataDir, "owner-token"), "utf8").trim();
  const pid = child.pid ?? 0;
  return {
    ...place,
    client: createClient({ baseUrl, token }),
    baseUrl,
    token,
    pid,
    readyAfterMs,
    output: () => printed,
    databaseUrl: () => {
      const folder = path.join(place.dataDir, "postgres");
      const port = readPostmasterFile(path.join(folder, "cluster"))?.port;
      if (port === undefined) throw new Error("the database of this installation does not run");
      return connectionUrl(port, "slipway", loadCredentials(folder).server, "slipway");
    },
    cli: (argv, more = {}) =>
      ran(
        [
          ...(options.offline === true ? ["nsenter", `--net=/proc/${pid}/ns/net`] : []),
          process.execPath,
          path.join(REPOSITORY, "automation/bin/slipway.mjs"),
          ...argv,
        ],
        {
          cwd: more.cwd ?? place.projects,
          env: { ...environmentOf(place), ...more.env },
          timeoutMs: CLI_TIMEOUT_MS,
        },
      ),
    stop: async () => {
      child.kill("SIGINT");
      const tooLate = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
      const { code } = await exited;
      clearTimeout(tooLate);
      if (options.place === undefined) place.remove();
      return code;
    },
  };
}

const OFFLINE = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"];

/** Runs a command (argv) to its end and answers what it printed. Never throws for an exit code. */
export async function ran(
  argv: readonly string[],
  options: { cwd: string; env?: Readonly<Record<string, string | undefined>>; timeoutMs?: number },
): Promise<Ran> {
  const [program = "", ...args] = argv;
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const late = setTimeout(() => child.kill("SIGKILL"), options.timeoutMs ?? CLI_TIMEOUT_MS);
  return endOf(child).finally(() => clearTimeout(late));
}

function endOf(child: ChildProcess): Promise<Ran> {
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8").on("data", (text: string) => {
      texts[name] += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, ...texts }));
  });
}

/** The environment of everything that is started in a place. */
export function environmentOf(place: Place): Record<string, string | undefined> {
  const { HOME = "/root", XDG_CACHE_HOME, npm_config_cache } = process.env;
  // What the person who runs the tests has set for their own Slipway must not reach this one.
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(SLIPWAY_(?!PULUMI$|TEST_)|PULUMI_|DATABASE_URL$|npm_|VITEST|NODE_ENV$)/.test(name),
  );
  return {
    ...Object.fromEntries(kept),
    HOME: place.home,
    TMPDIR: place.tmp,
    XDG_CACHE_HOME: XDG_CACHE_HOME ?? path.join(HOME, ".cache"),
    XDG_CONFIG_HOME: path.join(place.home, ".config"),
    // As start.mjs has it; else vite makes a folder of its own in TMPDIR.
    NODE_COMPILE_CACHE: COMPILE_CACHE,
    npm_config_cache: npm_config_cache ?? path.join(HOME, ".npm"),
    SLIPWAY_DATA_DIR: place.dataDir,
    SLIPWAY_PORT: String(place.port),
    SLIPWAY_PROJECT_ROOTS: [place.projects, REPOSITORY].join(path.delimiter),
  };
}

function logsIn(dataDir: string): string {
  return ["server", "worker", "keeper"]
    .map((name) => {
      try {
        return `\n--- ${name}\n${readFileSync(path.join(dataDir, "logs", `${name}.log`), "utf8").slice(-4000)}`;
      } catch {
        // It was not started, or has not printed anything.
        return "";
      }
    })
    .join("");
}
