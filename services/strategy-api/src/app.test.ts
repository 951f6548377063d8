import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildApp } from "./app.ts";
import { openDatabase } from "./database.ts";
import { createLogger } from "./logger.ts";
import { createStreamRegistry } from "./market-data/streams.ts";

const lines: string[] = [];
const logger = createLogger("info", { write: (line) => lines.push(line) });
// Nothing listens on port 1, so that every statement fails as it does when Postgres is down.
const db = openDatabase("postgres://desk:hush@127.0.0.1:1/desk", logger);
const streams = createStreamRegistry(1);
let app: Awaited<ReturnType<typeof buildApp>>;

beforeAll(async () => {
  app = await buildApp({
    db,
    logger,
    settings: {
      name: "strategy-api",
      version: "1.2.3",
      environment: "test",
      executionMode: "paper" as const,
      corsOrigins: "loopback",
      marketTickMs: 20,
    },
    migrations: [],
    streams,
    now: () => new Date(),
    newId: randomUUID,
  });
});

afterAll(async () => {
  await app.close();
  await db.end();
});

describe("health without a database", () => {
  it("the process answers", async () => {
    expect((await app.inject("/healthz")).json()).toEqual({ status: "ok" });
  });

  it("says what it is and what it uses", async () => {
    const body = (await app.inject("/health")).json();
    expect(body).toMatchObject({
      status: "ok",
      version: "1.2.3",
      environment: "test",
      executionMode: "paper" as const,
    });
    expect(body.memory.rssBytes).toBeGreaterThan(10_000_000);
    expect(body.cpu.userSeconds).toBeGreaterThan(0);
  });

  it("is not ready, and tells callers nothing about the connection", async () => {
    const response = await app.inject("/health/detailed");
    expect(response.statusCode).toBe(503);
    expect(response.json().status).toBe("not_ready");
    expect(response.json().components[0]).toMatchObject({ name: "database", status: "unhealthy" });
    expect(response.body).not.toMatch(/hush|127\.0\.0\.1/);
  });
});

describe("errors", () => {
  it.each([
    ["an unknown route", { method: "GET", url: "/api/nothing" }, 404, "route_not_found"],
    ["a database that is down", { method: "GET", url: "/api/templates" }, 503, "database_unavailable"],
    [
      "a body that is not JSON",
      { method: "POST", url: "/api/strategies", payload: "{" },
      400,
      "malformed_json",
    ],
    ["no body", { method: "POST", url: "/api/strategies" }, 400, "validation_failed"],
    [
      "a large body",
      { method: "POST", url: "/api/strategies", payload: `"${"x".repeat(70_000)}"` },
      413,
      "body_too_large",
    ],
    ["a cursor of another list", { method: "GET", url: "/api/audit?cursor=abc" }, 400, "validation_failed"],
    ["a limit that is too high", { method: "GET", url: "/api/audit?limit=101" }, 400, "validation_failed"],
    ["an unknown query field", { method: "GET", url: "/api/audit?limits=5" }, 400, "validation_failed"],
    [
      "an id that is not one",
      { method: "GET", url: "/api/strategies/..%2f..%2fetc" },
      400,
      "validation_failed",
    ],
    [
      "an unknown instrument",
      { method: "GET", url: "/api/market-data/stream?symbols=DOGE" },
      422,
      "unknown_symbol",
    ],
  ] as const)("%s: a problem with its own code", async (_, request, status, code) => {
    const hasBody = "payload" in request;
    const response = await app.inject({
      ...request,
      headers: hasBody ? { "content-type": "application/json" } : {},
    });
    expect([response.statusCode, response.json().code]).toEqual([status, code]);
    expect(response.headers["content-type"]).toMatch(/^application\/problem\+json/);
    expect(response.json().correlationId).toBe(response.headers["x-correlation-id"]);
  });

  it("refuses a body that is not declared as JSON", async () => {
    const headers = { "content-type": "text/plain" };
    const response = await app.inject({ method: "POST", url: "/api/strategies", payload: "hi", headers });
    expect([response.statusCode, response.json().code]).toEqual([415, "unsupported_media_type"]);
  });
});

describe("correlation ids", () => {
  it("go from the request into the answer and the log", async () => {
    const id = `walk-${randomUUID()}`;
    const response = await app.inject({
      url: "/api/templates?token=hush",
      headers: { "x-correlation-id": id },
    });
    expect(response.headers["x-correlation-id"]).toBe(id);
    expect(response.json().correlationId).toBe(id);
    const logged = lines.map((line) => JSON.parse(line)).filter((line) => line.correlationId === id);
    expect(logged.map((line) => line.msg)).toContain("request failed");
    expect(JSON.stringify(logged)).not.toContain("hush");
  });

  it.each(["short", `${"x".repeat(65)}`, "line\\nforged", "<script>alert</script>"])(
    "replace %s",
    async (id) => {
      const response = await app.inject({ url: "/healthz", headers: { "x-correlation-id": id } });
      expect(response.headers["x-correlation-id"]).toMatch(/^[0-9a-f-]{36}$/);
    },
  );
});

describe("browser origins", () => {
  it("are those of this machine, and no others", async () => {
    const allowed = async (origin: string) =>
      (await app.inject({ url: "/healthz", headers: { origin } })).headers["access-control-allow-origin"];
    expect(await allowed("http://127.0.0.1:5173")).toBe("http://127.0.0.1:5173");
    expect(await allowed("http://localhost.evil.example")).toBeUndefined();
    expect(await allowed("https://desk.example")).toBeUndefined();
  });
});

describe("the log", () => {
  it("hides values under a secret's name", () => {
    logger.info(
      { databaseUrl: "hush-1", nested: { password: "hush-2", deep: { token: "hush-3" } } },
      "settings",
    );
    expect(lines.at(-1)).toContain("[secret]");
    expect(lines.at(-1)).not.toContain("hush");
  });
});

describe("streams", () => {
  it("are limited, and end when the application closes", async () => {
    await app.listen({ host: "127.0.0.1", port: 0 });
    const address = app.listeningOrigin;
    const first = await fetch(`${address}/api/market-data/stream?symbols=KEEL`);
    expect(first.headers.get("content-type")).toContain("text/event-stream");
    expect(await (await fetch(`${address}/api/market-data/stream`)).json()).toMatchObject({
      code: "too_many_streams",
    });
    const started = performance.now();
    const closed = app.close();
    expect(await first.text()).toMatch(/event: tick\ndata: \{"at":/);
    await closed;
    expect(performance.now() - started).toBeLessThan(1_000);
    expect(streams.count()).toBe(0);
  });
});
