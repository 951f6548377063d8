import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type TestDatabase, testPostgres } from "./helpers/postgres.ts";
import { build, freePort, run } from "./helpers/sample.ts";

const START_LIMIT_MS = 15_000;
const STOP_LIMIT_MS = 2_000;
const HEALTH_LIMIT_MS = 50;

const root = path.resolve(import.meta.dirname, "..");
const folder = mkdtempSync(path.join(tmpdir(), "slipway-sample-"));
let database: TestDatabase;

beforeAll(async () => {
  database = await testPostgres().freshDatabase({ empty: true });
  // Away from the repository, where no node_modules can be found.
  await build("services/strategy-api", path.join(folder, "dist"));
});

afterAll(async () => {
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

type Service = { readonly url: string; readonly child: ChildProcess; readonly log: () => string };

async function startService(dist: string, env: Readonly<Record<string, string>> = {}): Promise<Service> {
  const port = await freePort();
  const child = spawn(process.execPath, ["server.mjs"], {
    cwd: dist,
    env: {
      PORT: String(port),
      DATABASE_URL: database.url,
      MARKET_TICK_MS: "50",
      SLIPWAY_TEST_MARK: process.env.SLIPWAY_TEST_MARK ?? "",
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (log += String(chunk)));
  const url = `http://127.0.0.1:${port}`;
  const deadline = performance.now() + START_LIMIT_MS;
  while (performance.now() < deadline && child.exitCode === null) {
    try {
      if ((await fetch(`${url}/healthz`)).ok) return { url, child, log: () => log };
    } catch {
      // Not listening yet.
    }
    await sleep(50);
  }
  child.kill("SIGKILL");
  throw new Error(`the service did not start:\n${log}`);
}

async function stopService(service: Service): Promise<{ code: number | null; tookMs: number }> {
  const started = performance.now();
  const exited = new Promise<number | null>((resolve) => service.child.once("exit", (code) => resolve(code)));
  service.child.kill("SIGTERM");
  const code = await Promise.race([exited, sleep(10_000, -1)]);
  if (code === -1) service.child.kill("SIGKILL");
  return { code, tookMs: performance.now() - started };
}

function digestOf(folderPath: string): string {
  const hash = createHash("sha256");
  for (const name of readdirSync(folderPath, { recursive: true, encoding: "utf8" }).sort()) {
    const file = path.join(folderPath, name);
    if (statSync(file).isFile()) hash.update(`${name}\0`).update(readFileSync(file));
  }
  return hash.digest("hex");
}

describe("the build", () => {
  it("gives the same bytes when it is repeated in another folder", async () => {
    const copy = path.join(folder, "elsewhere");
    await build("services/strategy-api", copy);
    expect(digestOf(copy)).toBe(digestOf(path.join(folder, "dist")));
  });

  it("contains all that it needs, and its version", () => {
    expect(readdirSync(path.join(folder, "dist")).sort()).toEqual([
      "functions",
      "migrations",
      "server.mjs",
      "version.json",
    ]);
    const bundle = readFileSync(path.join(folder, "dist/server.mjs"), "utf8");
    // Where dependencies lie on the machine of the build must not be part of what is deployed.
    expect(bundle).not.toContain("node_modules/");
    const declared = JSON.parse(readFileSync(path.join(root, "services/strategy-api/package.json"), "utf8"));
    const built = JSON.parse(readFileSync(path.join(folder, "dist/version.json"), "utf8"));
    expect(built).toEqual({ name: "strategy-api", version: declared.version });
  });
});

describe("the built service", () => {
  let service: Service;
  beforeAll(async () => {
    service = await startService(path.join(folder, "dist"));
  });
  afterAll(() => service.child.kill("SIGKILL"));

  async function call(method: string, url: string, body?: object) {
    const response = await fetch(service.url + url, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === "" ? {} : JSON.parse(text) };
  }

  it("takes a strategy from its template to a backtest and into the audit log", async () => {
    const templates = (await call("GET", "/api/templates")).body.items;
    const template = templates.find((one: { id: string }) => one.id === "rsi-reversion");
    const strategy = await call("POST", "/api/strategies", {
      name: "Buy the dip",
      templateId: template.id,
      symbol: "SXTN",
    });
    expect(strategy.status).toBe(201);
    const profile = await call("POST", "/api/risk-profiles", { name: "Half in", maxPositionPercent: 50 });
    const backtest = await call("POST", "/api/backtests", {
      strategyId: strategy.body.id,
      riskProfileId: profile.body.id,
      days: 504,
    });
    expect(backtest.status).toBe(201);
    expect(backtest.body.metrics.trades).toBeGreaterThan(0);
    expect(backtest.body.metrics.sharpe).toEqual(expect.any(Number));
    const results = await call("GET", backtest.headers.get("location") ?? "");
    expect(results.body.equity).toHaveLength(504);
    const audit = (await call("GET", "/api/audit")).body.items;
    expect(audit.map((entry: { action: string }) => entry.action)).toEqual([
      "backtest.completed",
      "risk_profile.created",
      "strategy.created",
    ]);
    expect(audit[0].correlationId).toBe(backtest.headers.get("x-correlation-id"));
  });

  it("answers errors with a code and a correlation id that the log knows", async () => {
    const { status, headers, body } = await call("GET", `/api/strategies/${randomUUID()}`);
    expect([status, body.code]).toEqual([404, "not_found"]);
    expect(body.correlationId).toBe(headers.get("x-correlation-id"));
    await expect.poll(() => service.log()).toContain(body.correlationId);
    expect(service.log()).not.toContain(new URL(database.url).password);
  });

  it("says within 50 ms how it is", async () => {
    const times: number[] = [];
    for (let round = 0; round < 41; round += 1) {
      const started = performance.now();
      expect((await call("GET", "/health")).body.status).toBe("ok");
      times.push(performance.now() - started);
    }
    const median = times.sort((a, b) => a - b)[20] ?? Number.POSITIVE_INFINITY;
    console.log(`/health: median ${median.toFixed(1)} ms, slowest ${times.at(-1)?.toFixed(1)} ms`);
    expect(median).toBeLessThan(HEALTH_LIMIT_MS);
    expect((await call("GET", "/health/detailed")).body.status).toBe("ready");
  });

  it("resumes the market data stream after the last event, on another process of the same system", async () => {
    const first = await readTicks(service, 3);
    const other = await startService(path.join(folder, "dist"), { APP_VERSION: "2.0.0" });
    try {
      expect(await (await fetch(`${other.url}/health`)).json()).toMatchObject({ version: "2.0.0" });
      const again = await readTicks(other, 2, first[0]?.id);
      expect(again).toEqual(first.slice(1));
    } finally {
      await stopService(other);
    }
  });

  it("ends within two seconds of SIGTERM while a stream is open", async () => {
    const stream = await fetch(`${service.url}/api/market-data/stream`);
    const text = stream.text();
    const { code, tookMs } = await stopService(service);
    console.log(`stopped ${tookMs.toFixed(0)} ms after SIGTERM`);
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(STOP_LIMIT_MS);
    expect(await text).toMatch(/\n\n$/);
  });
});

describe("a version whose venue refuses it", () => {
  it("starts and answers, but is not ready", async () => {
    const dist = path.join(folder, "dist");
    const source = readFileSync(path.join(root, "services/strategy-api/src/health/readiness.ts"), "utf8");
    expect(source).toContain("\nconst VENUE_PROTOCOL = 3;\n");
    const broken = path.join(folder, "broken");
    cpSync(dist, broken, { recursive: true });
    // The tour's one-line edit, made in the bundle: the build keeps the constant's name.
    await run(
      ["sed", "-i", "s/VENUE_PROTOCOL = 3;/VENUE_PROTOCOL = 2;/", path.join(broken, "server.mjs")],
      broken,
    );
    const service = await startService(broken);
    try {
      const response = await fetch(`${service.url}/health/detailed`);
      expect(response.status).toBe(503);
      expect(await response.json()).toMatchObject({
        readiness: [{ name: "execution-venue", passed: false }, { passed: true }],
        summary: { components: 3, healthy: 3, checks: 2, passed: 1 },
      });
      expect((await fetch(`${service.url}/healthz`)).status).toBe(200);
    } finally {
      await stopService(service);
    }
  });
});

describe("a start that cannot work", () => {
  async function failedStart(env: Record<string, string>) {
    const child = spawn(process.execPath, [path.join(folder, "dist/server.mjs")], { env, stdio: "pipe" });
    let stderr = "";
    child.stderr.on("data", (chunk) => (stderr += String(chunk)));
    const code = await new Promise((resolve) => child.once("close", resolve));
    return { code, stderr };
  }

  it("names every missing setting and ends with 1", async () => {
    const { code, stderr } = await failedStart({});
    expect(code).toBe(1);
    expect(stderr).toMatch(/PORT is missing/);
    expect(stderr).toMatch(/DATABASE_URL is missing/);
  });

  it("says in one sentence that the port is taken", async () => {
    const service = await startService(path.join(folder, "dist"));
    const port = new URL(service.url).port;
    const { code, stderr } = await failedStart({
      PORT: port,
      DATABASE_URL: database.url,
      LOG_LEVEL: "silent",
    });
    await stopService(service);
    expect(code).toBe(1);
    expect(stderr).toBe(
      `strategy-api: Cannot listen: listen EADDRINUSE: address already in use 127.0.0.1:${port}.\n`,
    );
  });
});

/** The first ticks of a stream, as id and data. */
async function readTicks(service: Service, count: number, lastEventId?: string) {
  const stop = new AbortController();
  const response = await fetch(`${service.url}/api/market-data/stream?symbols=KEEL,TIDE`, {
    signal: stop.signal,
    headers: lastEventId === undefined ? {} : { "last-event-id": lastEventId },
  });
  if (response.body === null) throw new Error("the stream has no body");
  const ticks: { id: string; data: string }[] = [];
  let text = "";
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const found = [...text.matchAll(/id: (\d+)\nevent: tick\ndata: (.*)\n\n/g)];
    if (found.length < count) continue;
    for (const [, id = "", data = ""] of found.slice(0, count)) ticks.push({ id, data });
    break;
  }
  stop.abort();
  return ticks;
}
