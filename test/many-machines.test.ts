import { randomUUID } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { followEvents } from "../automation/src/client/follow.ts";
import type { OpenDatabase } from "../automation/src/database.ts";
import { openDatabase } from "../automation/src/database.ts";
import { linesOf, writeLedgerProject } from "./helpers/ledger-project.ts";
import type { Machine, Network } from "./helpers/machines.ts";
import { makeNetwork, noNetworks } from "./helpers/machines.ts";
import type { TestDatabase } from "./helpers/postgres.ts";
import { testPostgres } from "./helpers/postgres.ts";
import type { TestServer } from "./helpers/server.ts";
import { ownerClient, ownerToken, startServer } from "./helpers/server.ts";
import { eventually } from "./helpers/waiting.ts";
import type { TestWorker } from "./helpers/worker.ts";
import { seedDependencies, startWorker } from "./helpers/worker.ts";

const ENDED_MS = 150_000;
/** A lease is 15 s, and others look every second or two; the rest is for a busy machine. */
const VERDICT_MS = 25_000;
/** What a provider has begun when its worker is cut off would take effect after the verdict. */
const EFFECT_MS = 26_000;
/** Long enough for that effect, and for whatever else a worker that was cut off might still do. */
const AFTERMATH_MS = 15_000;
const PORT = 7420;

const missing = noNetworks();
const ci = process.env.CI === "true";
const it = test.skipIf(missing !== null && !ci);
/** Of one test; machines share the processors of one. */
const TEST_MS = 300_000;
if (missing !== null) console.warn(`skipped: machines in network namespaces (${missing})`);

let network: Network;
let database: TestDatabase;
let databaseUrl: string;
let open: OpenDatabase;
let projects: string;
const servers = new Map<string, { machine: Machine; server: TestServer }>();
const workers = new Map<string, { machine: Machine; worker: TestWorker }>();

beforeAll(async () => {
  if (missing !== null) {
    if (ci) throw new Error(missing);
    return;
  }
  network = makeNetwork();
  database = await testPostgres().freshDatabase();
  databaseUrl = await network.reachable(database.url);
  open = openDatabase(database.url, { applicationName: "slipway-test" });
  projects = path.join(network.machine("files").dataDir, "projects");
  mkdirSync(projects);
});
afterAll(async () => {
  if (missing !== null) return;
  await Promise.all([...workers.values()].map(({ worker }) => worker.kill()));
  await Promise.all([...servers.values()].map(({ server }) => server.kill()));
  await open.close();
  await network.close();
  await database.drop();
});

async function startServerOn(machine: Machine): Promise<TestServer> {
  const server = await startServer({
    databaseUrl,
    dataDir: machine.dataDir,
    projects,
    port: PORT,
    env: { SLIPWAY_HOST: machine.address },
    wrapper: machine.network,
  });
  servers.set(machine.name, { machine, server });
  return server;
}

async function startWorkerOn(machine: Machine, env: Record<string, string> = {}): Promise<TestWorker> {
  const worker = await startWorker({
    databaseUrl,
    dataDir: machine.dataDir,
    serverUrl: ["s1", "s2"].map((name) => urlOf(name)).join(","),
    wrapper: machine.whole,
    env,
  });
  workers.set(machine.name, { machine, worker });
  return worker;
}

const urls = new Map<string, string>();
function urlOf(server: string): string {
  const url = urls.get(server);
  if (url === undefined) throw new Error(`no server ${server}`);
  return url;
}

let tokenDir = "";
const clientOf = (server: string): ReturnType<typeof ownerClient> => ownerClient(urlOf(server), tokenDir);
interface Made {
  name: string;
  ledger: string;
  params: { organisation: string; project: string; stack: string };
}

async function makeProject(
  name: string,
  program: { texts: readonly string[]; delayMs: number; version?: string; slipwayYaml?: string },
): Promise<Made> {
  const ledger = path.join(projects, `${name}.txt`);
  const folder = writeLedgerProject(path.join(projects, name), name, {
    version: "v1",
    ledger,
    distinct: true,
    ...program,
  });
  for (const { machine } of workers.values()) seedDependencies(machine.dataDir, folder);
  await clientOf("s1").createProject({ body: { name, folder } });
  await clientOf("s2").createStack({ body: { project: name, name: "dev" } });
  return { name, ledger, params: { organisation: "default", project: name, stack: "dev" } };
}

async function request(server: string, { params }: Made, idempotencyKey?: string): Promise<string> {
  const asked = await clientOf(server).requestDeployment({
    params,
    query: { wait: 0 },
    body: { operation: "update", options: { parallel: 1, skipPreview: true } },
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  });
  return asked.id;
}

async function ended(server: string, id: string, withinMs = ENDED_MS) {
  return eventually(`deployment ${id} ended`, withinMs, async () => {
    const now = await clientOf(server).getDeployment({ params: { id }, query: { wait: 0 } });
    return now.finishedAt === null ? undefined : now;
  });
}

/** The machine whose worker has the deployment's newest attempt. */
async function machineOf(id: string): Promise<Machine> {
  const row = await open.db
    .selectFrom("attempts")
    .select("worker_id")
    .where("deployment_id", "=", id)
    .orderBy("number", "desc")
    .executeTakeFirstOrThrow();
  for (const { machine, worker } of workers.values()) if (worker.workerId === row.worker_id) return machine;
  throw new Error(`no machine has the worker ${String(row.worker_id)}`);
}

/** Each resource was made once, and none beside another; in the order in which the program's registrations came. */
function expectWhole(lines: readonly string[], texts: readonly string[]): void {
  const order = lines.flatMap((line) => (line.startsWith("started create ") ? [line.slice(15)] : []));
  expect(order.toSorted()).toEqual(texts.toSorted());
  expect(lines).toEqual(order.flatMap((text) => [`started create ${text}`, `finished create ${text}`]));
}

it("a second server takes the installation's key, makes no owner's token, and without the key says what to do", async () => {
  const [s1, s2] = [network.machine("s1"), network.machine("s2")];
  for (const { name, address } of [s1, s2]) urls.set(name, `http://${address}:${PORT}`);
  tokenDir = s1.dataDir;
  await startServerOn(s1);
  await expect(startServerOn(s2)).rejects.toThrow(
    /secret\.key is not there.*Restore the key file of this installation/s,
  );
  copyFileSync(path.join(s1.dataDir, "secret.key"), path.join(s2.dataDir, "secret.key"));
  await startServerOn(s2);
  expect(existsSync(path.join(s2.dataDir, "owner-token"))).toBe(false);
  for (const server of ["s1", "s2"]) {
    const response = await fetch(`${urlOf(server)}/v1/whoami`, {
      headers: { authorization: `Bearer ${ownerToken(tokenDir)}` },
    });
    expect(response.status, server).toBe(200);
  }
});

it(
  "a rollback runs on another machine than the one that built the artifacts, which is gone with its disk",
  async () => {
    const [a, b] = [network.machine("a"), network.machine("b")];
    for (const { dataDir } of [a, b])
      copyFileSync(path.join(tokenDir, "secret.key"), path.join(dataDir, "secret.key"));
    const builder = await startWorkerOn(a);
    const made = await makeProject("built", {
      texts: ["one"],
      delayMs: 0,
      slipwayYaml: `services:
  web:
    path: .
    build: [node, -e, "const fs=require('node:fs');fs.mkdirSync('web',{recursive:true});fs.writeFileSync('web/index.html','<p>'+fs.readFileSync('page.txt','utf8'));fs.writeFileSync('web/big.bin',Buffer.alloc(3000000,7))"]
    artifact: web
gates: []
`,
    });
    const page = path.join(projects, "built", "page.txt");
    const deploy = async (text: string) => {
      writeFileSync(page, text);
      return ended("s2", await request("s1", made));
    };
    expect(await deploy("first")).toMatchObject({ status: "succeeded", release: 1 });
    expect(await deploy("second")).toMatchObject({ status: "succeeded", release: 2 });
    await builder.kill();
    workers.delete("a");
    rmSync(a.dataDir, { recursive: true });

    const noRegistry = { npm_config_cache: path.join(b.dataDir, "npm"), npm_config_fetch_retries: "0" };
    const other = await startWorkerOn(b, noRegistry);
    const rollBack = async () => {
      const asked = await clientOf("s2").requestDeployment({
        params: made.params,
        query: { wait: 0 },
        body: { operation: "rollback", release: 1 },
      });
      return ended("s1", asked.id);
    };
    expect(await rollBack(), "neither dependencies nor a registry").toMatchObject({
      status: "failed",
      failure: { code: "dependencies_missing", detail: expect.stringContaining("could not be installed") },
    });
    seedDependencies(b.dataDir, path.join(projects, "built"));
    const done = await rollBack();
    expect(done, `${JSON.stringify(done.failure)}\n${other.output()}`).toMatchObject({
      status: "succeeded",
      release: 3,
    });
    mkdirSync(a.dataDir, { mode: 0o700 });
    copyFileSync(path.join(tokenDir, "secret.key"), path.join(a.dataDir, "secret.key"));
    await startWorkerOn(a);
  },
  TEST_MS,
);

it("deployments spread over three workers, asked of two servers; one request is one deployment, whoever is asked", async () => {
  const c = network.machine("c");
  copyFileSync(path.join(tokenDir, "secret.key"), path.join(c.dataDir, "secret.key"));
  await startWorkerOn(c);
  const texts = ["one", "two"];
  const all = await Promise.all(
    Array.from({ length: 6 }, (_, index) => makeProject(`spread-${index}`, { texts, delayMs: 2_000 })),
  );
  const asked = await Promise.all(
    all.map(async (made) => {
      const key = randomUUID();
      return Promise.all([request("s1", made, key), request("s2", made, key)]);
    }),
  );
  for (const [first, second] of asked) expect(first).toBe(second);
  const used = new Set<string>();
  for (const [index, [id = ""]] of asked.entries()) {
    expect(await ended("s2", id)).toMatchObject({ status: "succeeded", attempts: 1, number: 1 });
    used.add((await machineOf(id)).name);
    expectWhole(linesOf(all[index]?.ledger ?? ""), texts);
  }
  expect([...used].toSorted()).toEqual(["a", "b", "c"]);
});

it("F3: a server that is killed with -9 during a deployment: clients go on at the other one without a gap, and so does the engine", async () => {
  const texts = ["one", "two", "three", "four", "five"];
  const made = await makeProject("server-killed", { texts, delayMs: 1_500 });
  const id = await request("s1", made);
  const seen: number[] = [];
  let asked = "s1";
  const following = (async () => {
    // As a client behind a proxy: what does not answer at one server is asked of the other, with the Last-Event-ID.
    const either: typeof fetch = async (url, init) => {
      const { pathname, search } = new URL(String(url));
      try {
        return await fetch(`${urlOf(asked)}${pathname}${search}`, init);
      } catch {
        asked = asked === "s1" ? "s2" : "s1";
        return fetch(`${urlOf(asked)}${pathname}${search}`, init);
      }
    };
    const connection = { baseUrl: urlOf("s1"), token: ownerToken(tokenDir), fetch: either };
    for await (const event of followEvents(connection, id)) seen.push(event.sequence);
  })();
  await eventually("the second resource was begun", ENDED_MS, () => linesOf(made.ledger).length >= 3);
  expect(seen.length).toBeGreaterThan(0);
  await servers.get("s1")?.server.kill();
  const done = await ended("s2", id);
  expect(done, JSON.stringify(done.failure)).toMatchObject({ status: "succeeded", attempts: 1 });
  await following;
  expect(asked).toBe("s2");
  const { items } = await clientOf("s2").listEvents({ params: { id }, query: { after: 0, limit: 1_000 } });
  expect(seen).toEqual(items.map(({ sequence }) => sequence));
  expect(seen).toEqual(seen.map((_, index) => index + 1));
  expectWhole(linesOf(made.ledger), texts);
  const first = servers.get("s1")?.machine;
  if (first !== undefined) await startServerOn(first);
});

const CUTS = [
  [
    "F8: cut off from everybody",
    (machine: Machine) => machine.unplug(),
    (machine: Machine) => machine.plug(),
  ],
  [
    "F8: that nobody hears any more",
    (machine: Machine) => machine.mute(),
    (machine: Machine) => machine.restore(),
  ],
  [
    "F8: that does not hear the database any more",
    (machine: Machine) => machine.deafen(),
    (machine: Machine) => machine.restore(),
  ],
] as const;

for (const [index, [what, cut, heal]] of CUTS.entries()) {
  it(
    `${what} in the update step: a worker stops before another goes on, and the verdict comes in time`,
    async () => {
      const begun = ["started create one"];
      const made = await makeProject(`cut-${index}`, { texts: ["one"], delayMs: EFFECT_MS });
      const id = await request("s1", made);
      await eventually("the resource was begun", ENDED_MS, () => linesOf(made.ledger).length > 0);
      const lost = await machineOf(id);
      cut(lost);
      const cutAt = performance.now();
      try {
        const done = await ended("s2", id, VERDICT_MS + 20_000);
        const verdictMs = performance.now() - cutAt;
        expect(done).toMatchObject({ status: "interrupted", attempts: 1 });
        console.info(`${what}: verdict after ${(verdictMs / 1_000).toFixed(1)} s`);
        expect(verdictMs, "from the cut to the verdict").toBeLessThan(VERDICT_MS);
        // What the provider had begun would take effect about now, were it still there.
        await pause(AFTERMATH_MS);
        expect(linesOf(made.ledger), "no effect after the takeover").toEqual(begun);

        // Another machine finishes the story while the first is still cut off.
        writeLedgerProject(path.join(projects, made.name), made.name, {
          version: "v2",
          ledger: made.ledger,
          texts: ["one", "two"],
          distinct: true,
          delayMs: 50,
        });
        const again = await ended("s2", await request("s2", made));
        expect(again, JSON.stringify(again.failure)).toMatchObject({ status: "succeeded" });
        expect((await machineOf(again.id)).name).not.toBe(lost.name);
        expectWhole(linesOf(made.ledger).slice(begun.length), ["one", "two"]);
        heal(lost);
        await pause(AFTERMATH_MS);
        expect(linesOf(made.ledger), "nor when it is back").toHaveLength(begun.length + 4);
      } finally {
        heal(lost);
      }
      const { worker } = workers.get(lost.name) ?? {};
      await eventually("the machine that was cut off is heard of again", 60_000, async () => {
        const row = await open.db
          .selectFrom("workers")
          .select((eb) => eb("seen_at", ">", sql<Date>`now() - interval '15 seconds'`).as("lives"))
          .where("id", "=", worker?.workerId ?? "")
          .executeTakeFirst();
        return row?.lives === true;
      });
    },
    TEST_MS,
  );
}

it(
  "F8: over a link that loses 30 % a deployment ends whole or is told as interrupted",
  async () => {
    const texts = ["one", "two", "three", "four"];
    const made = await makeProject("lossy", { texts, delayMs: 1_500 });
    const id = await request("s1", made);
    await eventually("a resource was begun", ENDED_MS, () => linesOf(made.ledger).length >= 1);
    const { how, stop } = (await machineOf(id)).lose();
    try {
      const done = await ended("s2", id);
      console.info(`30 % loss (${how}): ${done.status} ${done.failure?.detail ?? ""}`);
      const lines = linesOf(made.ledger);
      if (done.status === "succeeded") expectWhole(lines, texts);
      else expect(done.status).toBe("interrupted");
      await pause(AFTERMATH_MS);
      expect(linesOf(made.ledger), "no effect after the end").toEqual(lines);
    } finally {
      await stop();
    }
  },
  TEST_MS,
);
