import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createClient } from "../automation/src/client/index.ts";
import type { TestDatabase } from "./helpers/postgres.ts";
import { testPostgres } from "./helpers/postgres.ts";
import { eventually } from "./helpers/waiting.ts";

const REPOSITORY = path.resolve(import.meta.dirname, "..");
const CONNECTED_MS = 10_000;

interface Running {
  child: ChildProcess;
  baseUrl: string;
  token: string;
  stderr(): string;
}

let database: TestDatabase;
let dataDir: string;
let children: ChildProcess[];
beforeEach(async () => {
  database = await testPostgres().freshDatabase();
  dataDir = await mkdtemp(path.join(tmpdir(), "slipway-server-"));
  children = [];
});
afterEach(async () => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  await database.drop();
  await rm(dataDir, { recursive: true, force: true });
});

function launch(env: Record<string, string> = {}): ChildProcess {
  const child = spawn(process.execPath, ["automation/src/server.ts"], {
    cwd: REPOSITORY,
    env: {
      ...process.env,
      DATABASE_URL: database.url,
      SLIPWAY_DATA_DIR: dataDir,
      SLIPWAY_PORT: "0",
      SLIPWAY_KEEPER_SOCKET: path.join(dataDir, "keeper.sock"),
      SLIPWAY_PROJECT_ROOTS: dataDir,
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  return child;
}

async function start(env: Record<string, string> = {}): Promise<Running> {
  const child = launch(env);
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  if (child.stdout === null) throw new Error("no stdout");
  for await (const line of createInterface({ input: child.stdout })) {
    const said = JSON.parse(line) as { ready?: boolean; port?: number };
    if (said.ready !== true) continue;
    const token = (await readFile(path.join(dataDir, "owner-token"), "utf8")).trim();
    child.stdout.resume();
    return { child, baseUrl: `http://127.0.0.1:${said.port}`, token, stderr: () => stderr };
  }
  throw new Error(`the server did not start: ${stderr}`);
}

/** Its exit code and all of its stderr. */
async function outcome(child: ChildProcess): Promise<{ code: number | null; stderr: string }> {
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  child.stdout?.resume();
  await once(child, "close");
  return { code: child.exitCode, stderr };
}

/** A request with the path exactly as it is written, which fetch would tidy up. */
async function raw(
  url: string,
  target: string,
  headers: Record<string, string>,
): Promise<{ status: number; text: string }> {
  const { hostname, port } = new URL(url);
  const asked = httpRequest({ hostname, port, path: target, headers, agent: false });
  asked.end();
  const [answer] = (await once(asked, "response")) as [import("node:http").IncomingMessage];
  let text = "";
  for await (const chunk of answer) text += String(chunk);
  return { status: answer.statusCode ?? 0, text };
}

test("the server says when it is ready, answers with the owner's token, and keeps token and port rules over a restart", async () => {
  const first = await start();
  const client = createClient({ baseUrl: first.baseUrl, token: first.token });
  expect(await client.whoami()).toMatchObject({ kind: "owner" });
  // Its connection for notifications is made beside what makes it ready.
  const ready = await eventually("all parts of the server are at work", CONNECTED_MS, async () => {
    const answer = await fetch(`${first.baseUrl}/readyz`);
    return answer.ok && answer;
  });
  const loops = Object.fromEntries(
    ["updates", "approvals", "detector", "schedules", "drift", "deliveries", "stack-deliveries"].map(
      (name) => [name, "ok"],
    ),
  );
  expect([ready.status, await ready.json()]).toEqual([
    200,
    {
      status: "ok",
      checks: { database: "ok", notifications: "ok", ...loops },
      warnings: ["no worker is there"],
    },
  ]);
  const authorization = `Bearer ${first.token}`;
  for (const target of ["/v1/stacks/default/shop/..", "/v1/projects/../..", "/v1/projects/default/%2e%2e"]) {
    const answer = await raw(first.baseUrl, target, { authorization });
    expect([target, answer.status], answer.text).toEqual([target, 422]);
  }
  const rebound = await raw(first.baseUrl, "/v1/whoami", { authorization, host: "evil.example" });
  expect([rebound.status, rebound.text.includes(first.baseUrl)]).toEqual([421, true]);
  const wrongPort = await raw(first.baseUrl, "/v1/whoami", { authorization, host: "localhost:1" });
  expect(wrongPort.status).toBe(421);
  first.child.kill("SIGTERM");
  await once(first.child, "exit");

  const second = await start();
  expect(second.token).toBe(first.token);
  expect((await createClient({ baseUrl: second.baseUrl, token: first.token }).whoami()).kind).toBe("owner");
});

test("two signals at once end it cleanly within seconds, open streams and waits included", async () => {
  const { child, baseUrl, token, stderr } = await start();
  const folder = path.join(dataDir, "shop");
  await mkdir(folder);
  await writeFile(path.join(folder, "Pulumi.yaml"), "name: shop\nruntime: yaml\nresources: {}\n");
  const client = createClient({ baseUrl, token });
  await client.createProject({ body: { name: "shop", folder } });
  await client.createStack({ body: { project: "shop", name: "test" } });
  const params = { organisation: "default", project: "shop", stack: "test" };
  const { id } = await client.requestDeployment({ params, body: { operation: "update" } });
  const stop = new AbortController();
  const following = client.followEvents(id, { signal: stop.signal });
  await following.next();
  const waiting = client.getDeployment({ params: { id }, query: { wait: 60 } });
  await new Promise((resolve) => setTimeout(resolve, 200));
  const started = performance.now();
  child.kill("SIGTERM");
  child.kill("SIGINT");
  const [[code]] = (await Promise.all([once(child, "exit"), waiting])) as [[number | null], unknown];
  stop.abort();
  await following.next();
  expect([code, stderr()]).toEqual([0, ""]);
  expect(performance.now() - started).toBeLessThan(5_000);
});

test.each([
  ["a port in use", "port is in use"],
  ["a data folder that is a file", "data folder"],
  ["a database that does not answer", "database does not answer"],
  ["a wrong variable", "SLIPWAY_PORT"],
  ["a schema that is too old", "migrate.ts"],
  ["a key that others can read", "chmod 600"],
])("%s ends the start with one sentence and exit code 1", async (what, words) => {
  const blocker = createServer();
  await new Promise<void>((resolve) => blocker.listen(0, "127.0.0.1", resolve));
  const port = (blocker.address() as AddressInfo).port;
  const file = path.join(dataDir, "file");
  await writeFile(file, "");
  const env: Record<string, Record<string, string>> = {
    "a port in use": { SLIPWAY_PORT: String(port) },
    "a data folder that is a file": { SLIPWAY_DATA_DIR: path.join(file, "data") },
    "a database that does not answer": { DATABASE_URL: "postgres://x:hunter2@127.0.0.1:1/x" },
    "a wrong variable": { SLIPWAY_PORT: "hunter2" },
  };
  if (what === "a schema that is too old") {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query("delete from schema_versions where version > 1");
    await client.end();
  }
  if (what === "a key that others can read") {
    await writeFile(path.join(dataDir, "secret.key"), "x");
    await chmod(path.join(dataDir, "secret.key"), 0o644);
  }
  const { code, stderr } = await outcome(launch(env[what] ?? {}));
  await new Promise<void>((resolve) => blocker.close(() => resolve()));
  expect(code).toBe(1);
  expect(stderr).toContain(words);
  expect(stderr.trim().split("\n"), stderr).toHaveLength(1);
  expect(stderr).not.toMatch(/hunter2|\bat .*\.ts/);
});
