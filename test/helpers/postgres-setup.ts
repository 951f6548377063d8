import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import pg from "pg";
import type { TestProject } from "vitest/node";
import type { PostgresServer } from "../../automation/src/postgres/embedded.ts";
import { startPostgres } from "../../automation/src/postgres/embedded.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Superuser on the run's own cluster. */
    postgresAdminUrl: string;
    /** The role that the product gives its keeper: may create roles and databases, nothing else. */
    postgresKeeperUrl: string;
    /** The product's own role, on its (empty) database. */
    postgresServerUrl: string;
    postgresTemplate: string;
  }
}

const TEMPLATE = "slipway_template";
const MIGRATIONS = path.resolve(import.meta.dirname, "../../automation/src/database/migrations.ts");

let shared: Promise<PostgresServer> | undefined;
let users = 0;
let folder: string | undefined;

/**
 * Vitest global set-up: one Postgres cluster for the whole run (SLIPWAY_TEST_DATABASE_URL, a superuser's, replaces it), with
 * a template database that holds all migrations. Called once per project of the run; the cluster is shared by them.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  users += 1;
  shared ??= start();
  const server = await shared;
  project.provide("postgresAdminUrl", server.adminUrl);
  project.provide("postgresKeeperUrl", server.keeperUrl);
  project.provide("postgresServerUrl", server.url);
  project.provide("postgresTemplate", TEMPLATE);
  return async () => {
    users -= 1;
    if (users > 0) return;
    await server.stop();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  };
}

async function start(): Promise<PostgresServer> {
  const given = process.env.SLIPWAY_TEST_DATABASE_URL;
  const server = given === undefined ? await startOwn() : external(given);
  await makeTemplate(server);
  return server;
}

async function startOwn(): Promise<PostgresServer> {
  folder = mkdtempSync(path.join(tmpdir(), "slipway-test-postgres-"));
  // As root the cluster belongs to another user, who must be able to reach it.
  chmodSync(folder, 0o711);
  return startPostgres({
    dataDir: path.join(folder, "postgres"),
    onProgress: () => {},
    // Nothing here outlives the run, so that waiting for the disk proves nothing.
    settings: ["fsync=off", "full_page_writes=off", "max_connections=200", "log_min_messages=warning"],
  });
}

function external(url: string): PostgresServer {
  const never = new Promise<void>(() => {});
  const port = Number(new URL(url).port);
  const same = { url, keeperUrl: url, adminUrl: url, port, pid: 0, adopted: true, version: "", logFile: "" };
  return { ...same, exited: never, stop: () => Promise.resolve() };
}

async function makeTemplate(server: PostgresServer): Promise<void> {
  const admin = new pg.Client({ connectionString: server.adminUrl });
  await admin.connect();
  try {
    await admin.query(`drop database if exists ${TEMPLATE}`);
    await admin.query(`create database ${TEMPLATE} owner ${new URL(server.url).username}`);
  } finally {
    await admin.end();
  }
  if (!existsSync(MIGRATIONS)) return;
  const { migrate } = (await import(pathToFileURL(MIGRATIONS).href)) as {
    migrate: (url: string) => Promise<unknown>;
  };
  const url = new URL(server.url);
  url.pathname = `/${TEMPLATE}`;
  await migrate(url.href);
}
