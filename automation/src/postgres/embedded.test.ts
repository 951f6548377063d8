import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../../test/helpers/folders.ts";
import { needs } from "../../../test/helpers/machine.ts";
import { eventually } from "../../../test/helpers/waiting.ts";
import { findProcess } from "../process-table.ts";
import { type PostgresServer, startPostgres } from "./embedded.ts";

const isRoot = process.getuid?.() === 0;

async function start(dataDir: string, told: string[] = [], sharedBase?: string): Promise<PostgresServer> {
  const shared = sharedBase === undefined ? {} : { sharedBase };
  const server = await startPostgres({ dataDir, onProgress: (message) => told.push(message), ...shared });
  onTestFinished(() => server.stop());
  return server;
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  // A server that is killed breaks the connection; the query reports it.
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

function folder(): string {
  return path.join(temporaryFolder("postgres", { reachable: true }), "postgres");
}

test("a first start makes a durable cluster that only loopback and the password open", async () => {
  const dir = folder();
  const told: string[] = [];
  const server = await start(dir, told);
  expect(told).toEqual(["Creating the database (PostgreSQL 18.4)"]);
  const settings = await query(
    server.adminUrl,
    "select current_setting('fsync') as fsync, current_setting('listen_addresses') as listen, current_setting('unix_socket_directories') as sockets, current_setting('password_encryption') as passwords",
  );
  expect(settings).toEqual([{ fsync: "on", listen: "127.0.0.1", sockets: "", passwords: "scram-sha-256" }]);
  const wrong = new URL(server.url);
  wrong.password = "guess";
  await expect(query(wrong.href, "select 1")).rejects.toThrow(/password authentication failed/);
  expect(statSync(path.join(dir, "credentials.json")).mode & 0o777).toBe(0o600);
  expect(statSync(path.join(dir, "cluster")).mode & 0o777).toBe(0o700);
  if (isRoot) expect(statSync(`/proc/${server.pid}`).uid).not.toBe(0);
  const passwords = Object.values(
    JSON.parse(readFileSync(path.join(dir, "credentials.json"), "utf8")) as object,
  );
  const command = readFileSync(`/proc/${server.pid}/cmdline`, "utf8");
  const log = readFileSync(server.logFile, "utf8");
  for (const password of passwords) {
    expect(command).not.toContain(password);
    expect(log).not.toContain(password);
  }
});

test("what was committed survives a stop and a kill -9, on the same port", async () => {
  const dir = folder();
  const first = await start(dir);
  await query(first.url, "create table kept (n int)");
  await query(first.url, "insert into kept values (1)");
  await first.stop();
  expect(findProcess(first.pid)).toBeUndefined();

  const second = await start(dir);
  expect(second.port).toBe(first.port);
  await query(second.url, "insert into kept values (2)");
  process.kill(second.pid, "SIGKILL");
  const third = await start(dir);
  expect(third.adopted).toBe(false);
  expect(third.url).toBe(second.url);
  expect(await query(third.url, "select n from kept order by n")).toEqual([{ n: 1 }, { n: 2 }]);
});

test("a server that is running already is adopted, and can be stopped by who adopted it", async () => {
  const dir = folder();
  const first = await start(dir);
  const second = await start(dir);
  expect(second).toMatchObject({ adopted: true, pid: first.pid, port: first.port });
  await second.stop();
  await first.exited;
  expect(findProcess(first.pid)).toBeUndefined();
  expect(existsSync(path.join(dir, "cluster", "postmaster.pid"))).toBe(false);
});

test("a postmaster.pid that names a process which is no database does not stand in the way", async (context) => {
  needs(context, "linux");
  const dir = folder();
  const first = await start(dir);
  const file = path.join(dir, "cluster", "postmaster.pid");
  const text = readFileSync(file, "utf8");
  const { uid } = statSync(path.join(dir, "cluster"));
  process.kill(first.pid, "SIGKILL");
  await first.exited;
  // The same user's: Postgres itself takes any living process of its user for a postmaster.
  const other = spawn("sleep", ["60"], { uid, stdio: "ignore" });
  onTestFinished(() => {
    other.kill("SIGKILL");
  });
  writeFileSync(file, text.replace(/^\d+/, String(other.pid)));
  const second = await start(dir);
  expect(second.adopted).toBe(false);
  expect(findProcess(Number(other.pid))).toBeDefined();
});

test("a server that starts while its killed predecessor is still a zombie comes up", async () => {
  const dir = folder();
  await (await start(dir)).stop();
  // A parent that never reaps its children: the killed postmaster stays in the process table.
  const module = new URL("./embedded.ts", import.meta.url).href;
  const code = `
    const { startPostgres } = await import(${JSON.stringify(module)});
    const server = await startPostgres({ dataDir: ${JSON.stringify(dir)}, onProgress: () => {} });
    console.log(server.pid);
    setTimeout(() => process.kill(process.pid, "SIGSTOP"), 50);`;
  const parent = spawn(process.execPath, ["--input-type=module", "-e", code], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => {
    parent.kill("SIGKILL");
  });
  const pid = await new Promise<number>((resolve) => {
    parent.stdout.once("data", (data) => resolve(Number(data)));
  });
  await eventually("the parent is stopped", 5_000, () => stateOf(Number(parent.pid)) === "T");
  process.kill(pid, "SIGKILL");
  await eventually("the zombie", 5_000, () => stateOf(pid) === "Z");
  const next = await start(dir);
  expect(stateOf(pid)).toBe("Z");
  expect(next.adopted).toBe(false);
});

function stateOf(pid: number): string | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
}

test("a port that something else has taken is replaced, and said so", async () => {
  const dir = folder();
  const first = await start(dir);
  await first.stop();
  const thief = createServer();
  await new Promise<void>((resolve) => thief.listen(first.port, "127.0.0.1", resolve));
  onTestFinished(() => new Promise<void>((resolve) => thief.close(() => resolve())));
  const told: string[] = [];
  const second = await start(dir, told);
  expect(second.port).not.toBe(first.port);
  expect(told).toEqual([
    `Port ${first.port} of the database is taken by another program; using ${second.port} from now on.`,
  ]);
});

test("an interrupted initdb is never taken for a database", async () => {
  const dir = folder();
  mkdirSync(path.join(dir, "cluster.partial-1", "cluster"), { recursive: true });
  writeFileSync(path.join(dir, "cluster.partial-1", "cluster", "PG_VERSION"), "18\n");
  await start(dir);
  expect(readdirSync(dir).filter((name) => name.includes("partial"))).toEqual([]);
});

test("a database of another major version is refused with what to do, and left as it is", async () => {
  const dir = folder();
  const cluster = path.join(dir, "cluster");
  mkdirSync(cluster, { recursive: true });
  writeFileSync(path.join(cluster, "PG_VERSION"), "16\n");
  await expect(start(dir)).rejects.toMatchObject({
    code: "postgres_version",
    message: expect.stringContaining("was made by PostgreSQL 16; this version of Slipway brings 18"),
    remedy: expect.stringContaining("pg_dump"),
  });
  expect(readdirSync(cluster)).toEqual(["PG_VERSION"]);
});

test("a lost password file is named", async () => {
  const dir = folder();
  await (await start(dir)).stop();
  rmSync(path.join(dir, "credentials.json"));
  await expect(start(dir)).rejects.toMatchObject({
    message: expect.stringContaining("password authentication failed"),
    remedy: expect.stringContaining("credentials.json belongs to this database"),
  });
  expect(existsSync(path.join(dir, "cluster", "postmaster.pid"))).toBe(false);
});

test("as root below a folder that others may not pass, everything goes where they can reach it", async (context) => {
  needs(context, "root");
  const closed = temporaryFolder("closed");
  const shared = temporaryFolder("shared", { reachable: true });
  const dir = path.join(closed, "data", "postgres");
  const server = await start(dir, [], shared);
  const home = readFileSync(path.join(dir, "location"), "utf8").trim();
  expect(home.startsWith(`${shared}/`)).toBe(true);
  expect(existsSync(path.join(home, "cluster", "PG_VERSION"))).toBe(true);
  expect(statSync(closed).mode & 0o777).toBe(0o700);
  await server.stop();
  expect((await start(dir, [], shared)).url).toBe(server.url);
});
