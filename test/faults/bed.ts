import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import pg from "pg";
import { createClient } from "../../automation/src/client/index.ts";
import { migrate } from "../../automation/src/database/migrations.ts";
import { pulumiForTests } from "../../automation/src/engine/pulumi-cli/testing.ts";
import type { PostgresServer } from "../../automation/src/postgres/embedded.ts";
import { startPostgres } from "../../automation/src/postgres/embedded.ts";
import { freePort } from "../helpers/sample.ts";
import { eventually } from "../helpers/waiting.ts";
import { type HttpProxy, startHttpProxy } from "./http-proxy.ts";
import { killAtOnce, processesOf, processTable, treeOf } from "./processes.ts";
import { recordChanges } from "./recorded-changes.ts";
import { type StatementProxy, startStatementProxy } from "./statement-proxy.ts";

const REPOSITORY = path.resolve(import.meta.dirname, "../..");
const SOURCE = path.join(REPOSITORY, "automation/src");
const READY_MS = 60_000;

/** What a bed is started with beside the product's own. */
export interface BedOptions {
  workers?: number;
  /** Node's own arguments and variables of a process, for clocks that jump and protections that are taken away. */
  server?: Launch;
  worker?: Launch;
  /** Extra settings of Postgres as `name=value`. */
  postgresSettings?: readonly string[];
  /** Where the data folder is; default in the bed's own folder. */
  dataDir?: string;
  /** Where the cluster is; default in the bed's own folder. */
  postgresDir?: string;
  /** Where the processes' logs are; default in the bed's own folder. */
  logs?: string;
}

export interface Launch {
  nodeArguments?: readonly string[];
  env?: Readonly<Record<string, string>>;
}

/** A process of the bed, which may be killed and started again. */
export interface Program {
  readonly name: string;
  /** Undefined while it is down. */
  readonly pid: number | undefined;
  readonly logFile: string;
  /** worker: the id of the process that runs now. */
  readonly workerId: string;
  /** Resolves when it says that it is ready. Throws with its log when it ends first. */
  start(): Promise<void>;
  /** Ends it with a signal and waits until it is gone; answers the exit code. */
  stop(signal: NodeJS.Signals): Promise<number | null>;
}

/** A whole Slipway of real processes on a Postgres of its own, with places to stop between them. */
export interface Bed {
  readonly folder: string;
  readonly dataDir: string;
  readonly projects: string;
  readonly baseUrl: string;
  readonly token: string;
  readonly client: ReturnType<typeof createClient>;
  readonly server: Program;
  readonly workers: readonly Program[];
  /** Between the server, or a worker, and Postgres. */
  readonly serverStatements: StatementProxy;
  readonly workerStatements: readonly StatementProxy[];
  /** Between the engines and the server. */
  readonly http: HttpProxy;
  postgresPid(): number;
  /** Asks the database directly, as its superuser; waits while it is away. */
  rows<T extends object>(text: string, values?: readonly unknown[]): Promise<T[]>;
  /** kill -9 of every process of Postgres, or of everything. */
  killPostgres(): void;
  killAll(): void;
  /** Starts again what is down, as a supervisor does. */
  heal(): Promise<void>;
  /** Kills everything and removes the folder. */
  close(): Promise<void>;
}

/** Starts a bed. Whoever starts it closes it. */
export async function makeBed(options: BedOptions = {}): Promise<Bed> {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), "slipway-faults-")));
  // As root the cluster belongs to another user, who must be able to reach it.
  chmodSync(folder, 0o711);
  const of = (part: string): string => path.join(folder, part);
  for (const part of ["projects", "tmp", "home", "bin", "logs"]) mkdirSync(of(part));
  writeInstaller(of("bin"), of("hold-install"));
  const dataDir = options.dataDir ?? of("data");
  const logs = options.logs ?? of("logs");
  const postgresDir = options.postgresDir ?? of("postgres");
  const openPostgres = (): Promise<PostgresServer> =>
    startPostgres({
      dataDir: postgresDir,
      onProgress: () => {},
      ...(options.postgresSettings === undefined ? {} : { settings: options.postgresSettings }),
    });
  let postgres = await openPostgres();
  let isPostgresKilled = false;
  await migrate(postgres.url);
  const adminOf = (): string => {
    const url = new URL(postgres.adminUrl);
    url.pathname = new URL(postgres.url).pathname;
    return url.href;
  };
  let pool = openPool(adminOf());
  await recordChanges(pool);

  const pulumi = await pulumiForTests();
  const port = await freePort();
  const http = await startHttpProxy(port);
  const serverStatements = await startStatementProxy(postgres.url);
  const workerStatements = await Promise.all(
    Array.from({ length: options.workers ?? 2 }, () => startStatementProxy(postgres.url)),
  );
  const common = {
    ...inherited(),
    HOME: of("home"),
    TMPDIR: of("tmp"),
    PATH: [of("bin"), process.env.PATH ?? ""].join(path.delimiter),
    SLIPWAY_DATA_DIR: dataDir,
  };
  const server = program("server", logs, options.server, {
    ...common,
    DATABASE_URL: serverStatements.url,
    SLIPWAY_PORT: String(port),
    SLIPWAY_PUBLIC_URL: http.url,
    SLIPWAY_PROJECT_ROOTS: of("projects"),
  });
  const workers = workerStatements.map((statements, index) =>
    program("worker", logs, options.worker, {
      ...common,
      DATABASE_URL: statements.url,
      SLIPWAY_SERVER_URL: http.url,
      SLIPWAY_PULUMI_PATH: pulumi.path,
      SLIPWAY_LANGUAGE_HOST_DIR: pulumi.languageHostDir ?? "",
      SLIPWAY_ENGINE_NODE: pulumi.nodePath,
      SLIPWAY_TEST_WORKER: String(index),
    }),
  );
  const isUp = ({ pid }: { pid: number }): boolean => processTable().some((one) => one.pid === pid);
  const heal = async (): Promise<void> => {
    // One that was killed is in the table of processes until somebody has heard of its end.
    if (isPostgresKilled || !isUp(postgres)) {
      await postgres.exited;
      isPostgresKilled = false;
      postgres = await openPostgres();
      for (const proxy of [serverStatements, ...workerStatements]) proxy.pointTo(postgres.url);
      const old = pool;
      pool = openPool(adminOf());
      // Its connections are broken already.
      void old.end().catch(() => {});
    }
    await Promise.all([server, ...workers].map(async (one) => one.pid ?? (await one.start())));
  };
  const pidsOfPostgres = (): number[] => treeOf(postgres.pid, processTable()).map(({ pid }) => pid);
  const bed = {
    folder,
    dataDir,
    projects: of("projects"),
    baseUrl: `http://127.0.0.1:${port}`,
    server,
    workers,
    serverStatements,
    workerStatements,
    http,
    postgresPid: () => postgres.pid,
    rows: async <T extends object>(text: string, values: readonly unknown[] = []): Promise<T[]> =>
      eventually("the database answers", READY_MS, async () => {
        try {
          return (await pool.query<T>(text, [...values])).rows;
        } catch (error) {
          if (isAway(error)) return undefined;
          throw error;
        }
      }),
    killPostgres: () => {
      isPostgresKilled = true;
      killAtOnce(pidsOfPostgres());
    },
    killAll: () => {
      isPostgresKilled = true;
      killAtOnce(processesOf(folder).map(({ pid }) => pid));
    },
    heal,
    close: async () => {
      killAtOnce(processesOf(folder).map(({ pid }) => pid));
      await pool.end().catch(() => {});
      await Promise.all([serverStatements, ...workerStatements].map((proxy) => proxy.close()));
      await http.close();
      await postgres.exited;
      rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
  try {
    await server.start();
    await Promise.all(workers.map((one) => one.start()));
  } catch (error) {
    await bed.close();
    throw error;
  }
  const token = readFileSync(path.join(dataDir, "owner-token"), "utf8").trim();
  return { ...bed, token, client: createClient({ baseUrl: bed.baseUrl, token }) };
}

function openPool(connectionString: string): pg.Pool {
  const pool = new pg.Pool({ connectionString, max: 3, connectionTimeoutMillis: 5_000 });
  // The next query reports it.
  pool.on("error", () => {});
  pool.on("connect", (client) => client.on("error", () => {}));
  return pool;
}

/** The connection broke, Postgres starts or ends; not what the statement is to blame for. */
function isAway(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string };
  return (
    ["57P01", "57P02", "57P03", "08006", "08001", "ECONNREFUSED", "ECONNRESET", "EPIPE"].includes(
      code ?? "",
    ) || /terminated|timeout|Connection ended/iu.test(message ?? "")
  );
}

function inherited(): Record<string, string> {
  // What the person who runs the trials has set for their own Slipway must not reach these.
  return Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] =>
        entry[1] !== undefined &&
        !/^(SLIPWAY_(?!PULUMI$|TEST_)|PULUMI_|DATABASE_URL$|npm_|VITEST|NODE_ENV$|NODE_OPTIONS$|XDG_)/u.test(
          entry[0],
        ),
    ),
  );
}

/** In the place of npm: links this repository's packages, and waits while a file is there. */
function writeInstaller(bin: string, hold: string): void {
  const file = path.join(bin, "npm");
  const modules = path.join(REPOSITORY, "node_modules");
  writeFileSync(
    file,
    `#!${process.execPath}
const { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } = require("node:fs");
const wait = () => {
  if (existsSync(${JSON.stringify(hold)})) { writeFileSync(${JSON.stringify(`${hold}-reached`)}, ""); setTimeout(wait, 50); return; }
  mkdirSync("node_modules", { recursive: true });
  for (const name of readdirSync(${JSON.stringify(modules)}))
    if (!name.startsWith(".")) symlinkSync(${JSON.stringify(modules)} + "/" + name, "node_modules/" + name);
};
wait();
`,
  );
  chmodSync(file, 0o755);
}

function program(
  name: "server" | "worker",
  logs: string,
  launch: Launch | undefined,
  env: Record<string, string>,
): Program {
  const logFile = path.join(logs, `${name}-${env.SLIPWAY_TEST_WORKER ?? "0"}.log`);
  let child: ChildProcess | undefined;
  let ended: Promise<number | null> = Promise.resolve(null);
  let workerId = "";
  return {
    name,
    logFile,
    get pid() {
      return child?.pid;
    },
    get workerId() {
      return workerId;
    },
    async start() {
      const log = openSync(logFile, "a");
      const offset = fstatSync(log).size;
      // As `npm start` does it: straight into a file, which a full disk then refuses.
      const started = spawn(
        process.execPath,
        [...(launch?.nodeArguments ?? []), path.join(SOURCE, `${name}.ts`)],
        { env: { ...env, ...launch?.env }, stdio: ["ignore", log, log], cwd: REPOSITORY, detached: true },
      );
      closeSync(log);
      child = started;
      let code: number | null | undefined;
      ended = new Promise((resolve) => {
        started.once("close", (exit) => {
          if (child === started) child = undefined;
          code = exit;
          resolve(exit);
        });
      });
      const line = await eventually(`the ${name} is ready`, READY_MS, () => {
        const said = logOf(logFile).subarray(offset).toString().split("\n");
        if (code !== undefined)
          throw new Error(`the ${name} ended with ${code}: ${said.slice(-5).join("\n")}`);
        return said.find((one) => one.startsWith('{"ready":true') && one.endsWith("}"));
      });
      workerId = (JSON.parse(line) as { workerId?: string }).workerId ?? "";
    },
    async stop(signal) {
      child?.kill(signal);
      return ended;
    },
  };
}

function logOf(file: string): Buffer {
  // The folder may be gone with the bed.
  return existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
}
