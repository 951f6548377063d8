import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../../test/helpers/folders.ts";
import { eventually } from "../../../test/helpers/waiting.ts";
import type { StartConfig } from "../config.ts";
import { readPostmasterFile } from "../postgres/postmaster-file.ts";
import { defaultKeySettings } from "../secrets/key-settings.ts";
import type { ChildSpec } from "./child.ts";
import type { Progress } from "./progress.ts";
import { type ChildContext, type StartPlan, startSlipway } from "./slipway.ts";

const FIXTURES = path.resolve(import.meta.dirname, "../../../test/fixtures/children");

const PULUMI = {
  path: "/usr/bin/pulumi",
  version: "3.250.0",
  source: "path",
  languageHost: "own",
  languageHostDir: undefined,
  nodePath: process.execPath,
  passedOver: [],
} as const;

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const address = probe.address();
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function trial(changes: Partial<StartPlan> = {}) {
  const root = temporaryFolder("start", { reachable: true });
  const journalFile = path.join(root, "journal");
  writeFileSync(journalFile, "");
  writeFileSync(path.join(root, "Pulumi.yaml"), "name: strategy-desk\nruntime: nodejs\n");
  const dataDir = path.join(root, ".slipway");
  const config: StartConfig = {
    root,
    dataDir,
    logLevel: "info",
    host: "127.0.0.1",
    port: await freePort(),
    databaseUrl: undefined,
    keeperDatabaseUrl: undefined,
    drainMs: 0,
    keys: defaultKeySettings(dataDir),
  };
  const spec = (name: string, argv: string[], context: ChildContext): ChildSpec => ({
    name,
    argv: [process.execPath, ...argv, journalFile],
    cwd: root,
    env: {
      CHILD_NAME: name,
      DATABASE_URL: context.databaseUrl,
      SLIPWAY_DATA_DIR: dataDir,
      SLIPWAY_HOST: config.host,
      SLIPWAY_PORT: String(config.port),
      SLIPWAY_TEST_MARK: process.env.SLIPWAY_TEST_MARK ?? "",
    },
    readyWithinMs: 10_000,
    stopWithinMs: 5_000,
  });
  const lines: string[] = [];
  const progress: Progress = {
    step: async (title, work) => {
      const result = await work(() => {});
      lines.push(`done ${title}`);
      return result;
    },
    line: (text) => lines.push(text),
    close: () => {},
  };
  const plan: StartPlan = {
    config,
    env: {},
    nodePath: process.execPath,
    resolvePulumi: () => Promise.resolve(PULUMI),
    migrateArgv: [
      process.execPath,
      "-e",
      "require('node:fs').appendFileSync(process.argv[1], 'migrated\\n')",
      journalFile,
    ],
    children: (context) => [
      spec("keeper", [path.join(FIXTURES, "child.mjs"), "plain"], context),
      spec("server", [path.join(FIXTURES, "server.mjs")], context),
      spec("worker", [path.join(FIXTURES, "child.mjs"), "plain"], context),
    ],
    ...changes,
  };
  const stopping = new AbortController();
  const start = async () => {
    const running = await startSlipway(plan, progress, stopping.signal);
    onTestFinished(() => running.stop());
    return running;
  };
  const journal = () => readFileSync(journalFile, "utf8").trim().split("\n");
  return { start, plan, config, dataDir, lines, journal, abort: () => stopping.abort() };
}

test("a start brings everything up in order and registers the project; a stop ends it in the opposite order", async () => {
  const { start, config, dataDir, journal, lines } = await trial();
  const running = await start();
  expect(running.url).toBe(`http://127.0.0.1:${config.port}`);
  const told = journal();
  expect(told[0]).toBe("migrated");
  const projects = told.filter((line) => line.startsWith("POST"));
  expect(projects).toEqual([
    `POST /v1/projects ${JSON.stringify({ organisation: "default", name: "strategy-desk", folder: config.root })}`,
    `POST /v1/stacks ${JSON.stringify({ organisation: "default", project: "strategy-desk", name: "local" })}`,
  ]);
  expect(lines.filter((line) => line.startsWith("done")).at(-1)).toBe("done answer and project");
  await running.stop();
  expect(journal().slice(-3)).toEqual(["worker stopped", "server stopped", "keeper stopped"]);
  expect(existsSync(path.join(dataDir, "postgres", "cluster", "postmaster.pid"))).toBe(false);
  expect(existsSync(path.join(dataDir, "start.lock"))).toBe(false);
  expect(readdirSync(path.join(dataDir, "run"))).toEqual([]);
  // And it can be started again.
  await (await start()).stop();
});

test("a database that is killed is brought back at the same address", async () => {
  const { start, dataDir, lines } = await trial();
  const running = await start();
  const cluster = path.join(dataDir, "postgres", "cluster");
  const { admin } = JSON.parse(readFileSync(path.join(dataDir, "postgres", "credentials.json"), "utf8")) as {
    admin: string;
  };
  const first = readPostmasterFile(cluster);
  process.kill(Number(first?.pid), "SIGKILL");
  await eventually("it is back", 15_000, () =>
    lines.some((line) => line.includes("The database is running again")),
  );
  expect(lines.some((line) => line.includes("postgres.log"))).toBe(true);
  const client = new pg.Client({
    host: "127.0.0.1",
    port: Number(first?.port),
    user: "postgres",
    password: admin,
  });
  await client.connect();
  await client.end();
  await running.stop();
});

test("a failing step ends what was started and leaves nothing", async () => {
  const { start, plan, journal, dataDir } = await trial();
  const whole = plan.children;
  plan.children = (context) =>
    whole(context).map((spec) =>
      spec.name === "worker"
        ? {
            ...spec,
            argv: [
              process.execPath,
              path.join(FIXTURES, "child.mjs"),
              "broken",
              path.join(plan.config.root, "journal"),
            ],
          }
        : spec,
    );
  await expect(start()).rejects.toThrow(
    "The worker did not start (exit code 3): cannot listen: the sky is falling",
  );
  expect(journal().slice(-2)).toEqual(["server stopped", "keeper stopped"]);
  expect(existsSync(path.join(dataDir, "postgres", "cluster", "postmaster.pid"))).toBe(false);
});

test("a failing migration is shown as it was printed, and no child is started", async () => {
  const { start, journal, plan } = await trial();
  plan.migrateArgv = [process.execPath, "-e", "console.error('The schema is newer.'); process.exit(1)"];
  await expect(start()).rejects.toThrow(/^The schema is newer\.$/);
  expect(journal()).toEqual([""]);
});

test("a port in use is reported before anything is started", async () => {
  const { start, config, dataDir, journal } = await trial();
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(config.port, "127.0.0.1", resolve));
  onTestFinished(() => new Promise<void>((resolve) => other.close(() => resolve())));
  await expect(start()).rejects.toThrow(
    `Port ${config.port} on 127.0.0.1 is in use by process ${process.pid}`,
  );
  expect(journal()).toEqual([""]);
  expect(existsSync(path.join(dataDir, "postgres"))).toBe(false);
});

test("a DATABASE_URL that does not answer is reported before anything is started, without its password", async () => {
  const { start, config, journal } = await trial();
  config.databaseUrl = "postgres://someone:hunter2@127.0.0.1:9/slipway";
  const failure = await start().catch((error: unknown) => error);
  expect(String(failure)).toContain(
    "DATABASE_URL (127.0.0.1:9/slipway) does not answer: connect ECONNREFUSED",
  );
  expect(String(failure)).not.toContain("hunter2");
  expect(journal()).toEqual([""]);
});

test("asking to stop while the CLI is being built ends the start", async () => {
  const { start, plan, abort, dataDir, journal } = await trial();
  plan.resolvePulumi = (_note, signal) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(new Error("stopped")));
      setTimeout(abort, 200);
    });
  await expect(start()).rejects.toThrow("stopped");
  expect(journal().filter((line) => line.includes("started"))).toEqual([]);
  expect(existsSync(path.join(dataDir, "postgres", "cluster", "postmaster.pid"))).toBe(false);
});
