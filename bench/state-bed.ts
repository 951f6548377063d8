import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import pg from "pg";
import { pulumiEnvironment } from "../automation/src/engine/pulumi-cli/environment.ts";
import type { PulumiInstallation } from "../automation/src/engine/pulumi-cli/installation.ts";
import { resolvePulumi } from "../automation/src/engine/pulumi-cli/resolve.ts";
import { loadCredentials } from "../automation/src/postgres/credentials.ts";
import { findFolders } from "../automation/src/postgres/location.ts";
import { readPostmasterFile } from "../automation/src/postgres/postmaster-file.ts";
import { connectionUrl } from "../automation/src/postgres/roles.ts";
import { type CountingProxy, startCountingProxy } from "./counting-proxy.ts";
import type { Installation } from "./installation.ts";
import { freePort, startInstallation } from "./installation.ts";

/** A Slipway with its Postgres (fsync on), proxies that count in front of both, and the stock CLI. */
export interface StateBed {
  folder: string;
  installation: Installation;
  /** In front of Slipway. */
  api: CountingProxy;
  /** In front of Postgres. */
  postgres: CountingProxy;
  /** Superuser of the cluster; with `proxied` through the counting proxy. */
  postgresUrl(database: string, options?: { proxied?: boolean }): string;
  /** Bytes that the whole cluster has written to its log so far. */
  walBytes(): Promise<number>;
  /** Environment of a CLI with a home of its own below the folder. */
  cliEnvironment(home: string): Record<string, string>;
  /** Environment that points the CLI at Slipway, through the counting proxy. */
  slipway: Record<string, string>;
  /** Runs the CLI; throws when it fails. Answers what it printed. */
  pulumi(argv: readonly string[], options: { cwd: string; env: Record<string, string> }): Promise<string>;
  stop(): Promise<void>;
}

/** Sets everything up. What it starts ends with `stop`, also when it throws half-way. */
export async function startStateBed(signal: AbortSignal): Promise<StateBed> {
  const folder = await mkdtemp(join(tmpdir(), "slipway-bench-"));
  // The unprivileged user of the embedded Postgres passes through it.
  await chmod(folder, 0o711);
  const api = await startCountingProxy({ http: true });
  const postgres = await startCountingProxy({ http: false });
  const undo: (() => Promise<unknown>)[] = [
    () => rm(folder, { recursive: true, force: true }),
    () => api.close(),
    () => postgres.close(),
  ];
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const cli = await resolvePulumi({ env: process.env, nodePath: process.execPath, signal });
    // People reach it through the proxy: any other Host header is refused.
    process.env.SLIPWAY_PUBLIC_URL = `http://127.0.0.1:${api.port}`;
    const installation = await startInstallation(join(folder, "data"), await freePort(), [folder]);
    undo.push(() => installation.stop());
    api.setTarget(Number(new URL(installation.baseUrl).port));
    const { dir, cluster } = findFolders(join(installation.dataDir, "postgres"));
    const port = readPostmasterFile(cluster)?.port;
    if (port === undefined)
      throw new Error("The installation has no Postgres of its own; unset DATABASE_URL.");
    postgres.setTarget(port);
    const { admin } = loadCredentials(dir);
    const postgresUrl: StateBed["postgresUrl"] = (database, { proxied = false } = {}) =>
      `${connectionUrl(proxied ? postgres.port : port, "postgres", admin, database)}?sslmode=disable`;
    const client = new pg.Client({ connectionString: postgresUrl("postgres") });
    await client.connect();
    undo.push(() => client.end());
    return {
      folder,
      installation,
      api,
      postgres,
      postgresUrl,
      walBytes: async () => {
        const { rows } = await client.query<{ bytes: string }>(
          "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::text as bytes",
        );
        return Number(rows[0]?.bytes);
      },
      cliEnvironment: (home) => cliEnvironment(cli, join(folder, home)),
      slipway: {
        PULUMI_BACKEND_URL: `http://127.0.0.1:${api.port}`,
        PULUMI_ACCESS_TOKEN: installation.token,
      },
      pulumi: async (argv, { cwd, env }) => {
        await mkdir(env.HOME ?? cwd, { recursive: true });
        const { stdout } = await execa(cli.path, [...argv, "--non-interactive"], {
          cwd,
          env,
          extendEnv: false,
          stdin: "ignore",
          maxBuffer: 1 << 30,
          cancelSignal: signal,
          forceKillAfterDelay: 5_000,
        });
        return stdout;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function cliEnvironment(cli: PulumiInstallation, home: string): Record<string, string> {
  return {
    // What a person's shell would give it, and the compile cache, so that the program itself costs all sides the same.
    ...pulumiEnvironment(cli, { compileCacheDir: join(home, "..", "compile-cache") }),
    HOME: home,
    PULUMI_HOME: join(home, "pulumi-home"),
    PULUMI_CONFIG_PASSPHRASE: "bench",
    NO_COLOR: "1",
  };
}
