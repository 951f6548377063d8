import { randomUUID } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildApp } from "../services/strategy-api/src/app.ts";
import { migrationsFolder } from "../services/strategy-api/src/bundle.ts";
import { type Database, openDatabase } from "../services/strategy-api/src/database.ts";
import { createLogger } from "../services/strategy-api/src/logger.ts";
import { createStreamRegistry } from "../services/strategy-api/src/market-data/streams.ts";
import { migrate, readMigrations } from "../services/strategy-api/src/migrations.ts";
import { type TestDatabase, testPostgres } from "./helpers/postgres.ts";

const migrations = readMigrations(migrationsFolder());
const logger = createLogger("silent");
let database: TestDatabase;
let db: Database;
let app: FastifyInstance;

beforeAll(async () => {
  database = await testPostgres().freshDatabase({ empty: true });
  db = openDatabase(database.url, logger);
  await migrate(db, migrations);
  app = await buildApp({
    db,
    logger,
    settings: {
      name: "strategy-api",
      version: "9.9.9",
      environment: "test",
      executionMode: "backtest",
      corsOrigins: "loopback",
      marketTickMs: 50,
    },
    migrations,
    streams: createStreamRegistry(4),
    now: () => new Date(),
    newId: randomUUID,
  });
});

afterAll(async () => {
  await app.close();
  await db.end();
  await database.drop();
});

async function call(method: "GET" | "POST" | "PATCH" | "DELETE", url: string, payload?: object) {
  const response = await app.inject({
    method,
    url,
    ...(payload === undefined ? {} : { payload }),
    headers: { "x-correlation-id": "test-correlation" },
  });
  return { status: response.statusCode, body: response.body === "" ? undefined : response.json(), response };
}

async function newStrategy(name: string, content: object = {}) {
  const { body, status } = await call("POST", "/api/strategies", {
    name,
    templateId: "sma-cross",
    symbol: "KEEL",
    ...content,
  });
  expect(status).toBe(201);
  return body;
}

async function newProfile(name: string, content: object = {}) {
  const { body, status } = await call("POST", "/api/risk-profiles", { name, ...content });
  expect(status).toBe(201);
  return body;
}

async function auditOf(subjectId: string) {
  return (await call("GET", `/api/audit?subjectId=${subjectId}`)).body.items;
}

describe("migrations", () => {
  it("run once when several processes start at the same time", async () => {
    const fresh = await testPostgres().freshDatabase({ empty: true });
    const pools = [1, 2, 3].map(() => openDatabase(fresh.url, logger));
    const applied = await Promise.all(pools.map((pool) => migrate(pool, migrations)));
    expect(applied.map((names) => names.length).sort()).toEqual([0, 0, migrations.length]);
    await Promise.all(pools.map((pool) => pool.end()));
    await fresh.drop();
  });

  it("leave nothing behind when one of them fails", async () => {
    const fresh = await testPostgres().freshDatabase({ empty: true });
    const pool = openDatabase(fresh.url, logger);
    const broken = {
      version: migrations.length + 1,
      name: "000099_broken.sql",
      sql: "select 1/0",
      checksum: "x",
      isBreaking: false,
    };
    await expect(migrate(pool, [...migrations, broken])).rejects.toThrow("division by zero");
    const { rows } = await pool.query("select to_regclass('strategies') as name");
    expect(rows[0].name).toBeNull();
    await pool.end();
    await fresh.drop();
  });
});

describe("templates", () => {
  it("are there on a new desk", async () => {
    const { body } = await call("GET", "/api/templates");
    expect(body.items.map((item: { id: string }) => item.id)).toEqual([
      "sma-cross",
      "rsi-reversion",
      "momentum",
      "buy-and-hold",
    ]);
    expect((await call("GET", "/api/templates/momentum")).body.parameters).toHaveLength(2);
    expect((await call("GET", "/api/templates/astrology")).body.code).toBe("not_found");
  });
});

describe("strategies", () => {
  it("are created with the template's defaults, changed by revision, and removed", async () => {
    const strategy = await newStrategy("Cross one", { parameters: { fastDays: 5 } });
    expect(strategy.parameters).toEqual({ fastDays: 5, slowDays: 40 });
    const changed = await call("PATCH", `/api/strategies/${strategy.id}`, { revision: 1, name: "Cross two" });
    expect(changed.body).toMatchObject({ name: "Cross two", revision: 2, parameters: strategy.parameters });
    const stale = await call("PATCH", `/api/strategies/${strategy.id}`, { revision: 1, name: "Lost" });
    expect([stale.status, stale.body.code]).toEqual([409, "revision_conflict"]);
    expect((await call("DELETE", `/api/strategies/${strategy.id}`)).status).toBe(204);
    expect((await call("GET", `/api/strategies/${strategy.id}`)).body.code).toBe("not_found");
    const trail = await auditOf(strategy.id);
    expect(trail.map((entry: { action: string }) => entry.action)).toEqual([
      "strategy.removed",
      "strategy.changed",
      "strategy.created",
    ]);
    expect(trail[1]).toMatchObject({
      correlationId: "test-correlation",
      before: { name: "Cross one" },
      after: { name: "Cross two" },
    });
  });

  it("let only one of two simultaneous changes of a revision through", async () => {
    const strategy = await newStrategy("Contested");
    const answers = await Promise.all(
      ["A", "B", "C"].map((name) =>
        call("PATCH", `/api/strategies/${strategy.id}`, { revision: 1, name: `Contested ${name}` }),
      ),
    );
    expect(answers.map((answer) => answer.status).sort()).toEqual([200, 409, 409]);
    expect(await auditOf(strategy.id)).toHaveLength(2);
  });

  it("refuse a taken name without regard to case, and audit nothing", async () => {
    await newStrategy("Only one");
    const before = (await call("GET", "/api/audit?limit=1")).body.items[0].position;
    const again = await call("POST", "/api/strategies", {
      name: "ONLY ONE",
      templateId: "momentum",
      symbol: "TIDE",
    });
    expect([again.status, again.body.code]).toEqual([409, "name_taken"]);
    expect((await call("GET", "/api/audit?limit=1")).body.items[0].position).toBe(before);
  });

  it.each([
    ["an unknown template", { templateId: "astrology" }, 422, "unknown_template"],
    ["an unknown instrument", { symbol: "DOGE" }, 422, "unknown_symbol"],
    ["a parameter out of range", { parameters: { fastDays: 1 } }, 422, "parameters_refused"],
    ["a parameter that the template has not", { parameters: { fastdays: 5 } }, 422, "parameters_refused"],
    [
      "averages in the wrong order",
      { parameters: { fastDays: 60, slowDays: 20 } },
      422,
      "parameters_refused",
    ],
    ["an unknown field", { owner: "me" }, 400, "validation_failed"],
    ["a wrong type", { name: 7 }, 400, "validation_failed"],
    ["a NUL in the name", { name: "a\u0000b" }, 400, "validation_failed"],
    ["a name of 81 characters", { name: "x".repeat(81) }, 400, "validation_failed"],
  ])("refuse %s", async (_, content, status, code) => {
    const answer = await call("POST", "/api/strategies", {
      name: `Refused ${randomUUID()}`,
      templateId: "sma-cross",
      symbol: "KEEL",
      ...content,
    });
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(answer.body.correlationId).toBe("test-correlation");
    expect(answer.response.headers["content-type"]).toMatch(/^application\/problem\+json/);
  });
});

describe("risk profiles", () => {
  it("tell no limit from an unchanged one", async () => {
    const profile = await newProfile("Careful", { stopLossPercent: 5, maxDrawdownPercent: 12 });
    expect(profile).toMatchObject({ maxPositionPercent: 100, stopLossPercent: 5, revision: 1 });
    const changed = await call("PATCH", `/api/risk-profiles/${profile.id}`, {
      revision: 1,
      stopLossPercent: null,
    });
    expect(changed.body).toMatchObject({ stopLossPercent: null, maxDrawdownPercent: 12, revision: 2 });
    expect((await call("DELETE", `/api/risk-profiles/${profile.id}`)).status).toBe(204);
    expect((await auditOf(profile.id)).map((entry: { action: string }) => entry.action)).toEqual([
      "risk_profile.removed",
      "risk_profile.changed",
      "risk_profile.created",
    ]);
  });

  it("refuse a position above all of the capital", async () => {
    const answer = await call("POST", "/api/risk-profiles", { name: "Greedy", maxPositionPercent: 101 });
    expect([answer.status, answer.body.issues[0].path]).toEqual([400, "body.maxPositionPercent"]);
  });
});

describe("backtests", () => {
  it("give the same result for the same request, another one for another seed", async () => {
    const strategy = await newStrategy("Repeatable");
    const profile = await newProfile("Repeatable");
    const request = { strategyId: strategy.id, riskProfileId: profile.id, days: 252, seed: 7 };
    const first = await call("POST", "/api/backtests", request);
    const second = await call("POST", "/api/backtests", request);
    const other = await call("POST", "/api/backtests", { ...request, seed: 8 });
    expect(first.status).toBe(201);
    expect(first.body.equity).toHaveLength(252);
    expect(first.body.metrics.trades).toBe(first.body.trades.length);
    expect(second.body.resultDigest).toBe(first.body.resultDigest);
    expect(other.body.resultDigest).not.toBe(first.body.resultDigest);
    const read = await call("GET", String(first.response.headers.location));
    expect(read.body).toEqual(first.body);
    const listed = await call("GET", `/api/backtests?strategyId=${strategy.id}`);
    expect(listed.body.items).toHaveLength(3);
    expect(listed.body.items[0]).not.toHaveProperty("equity");
    expect((await auditOf(first.body.id))[0]).toMatchObject({
      action: "backtest.completed",
      after: { resultDigest: first.body.resultDigest },
    });
  });

  it("stay readable with all their inputs after strategy and profile are removed", async () => {
    const strategy = await newStrategy("Short-lived");
    const profile = await newProfile("Short-lived");
    const ids = { strategyId: strategy.id, riskProfileId: profile.id };
    const { body } = await call("POST", "/api/backtests", ids);
    await call("DELETE", `/api/strategies/${strategy.id}`);
    await call("DELETE", `/api/risk-profiles/${profile.id}`);
    const read = (await call("GET", `/api/backtests/${body.id}`)).body;
    expect(read).toMatchObject({
      strategyId: null,
      riskProfileId: null,
      inputs: { strategyName: "Short-lived" },
    });
    expect(read.resultDigest).toBe(body.resultDigest);
    expect((await call("POST", "/api/backtests", ids)).body.code).toBe("unknown_strategy");
  });
});

describe("the audit log", () => {
  it("is read in pages without gaps or repeats while it grows", async () => {
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const query: string = cursor === null ? "" : `&cursor=${cursor}`;
      const page = (await call("GET", `/api/audit?limit=4${query}`)).body;
      seen.push(...page.items.map((item: { position: string }) => item.position));
      cursor = page.nextCursor;
      await newProfile(`Grows ${randomUUID()}`);
    } while (cursor !== null);
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toEqual([...seen].sort((a, b) => Number(b) - Number(a)));
    const { rows } = await db.query("select count(*)::int as n from audit_entries where position <= $1", [
      seen[0],
    ]);
    expect(seen).toHaveLength(rows[0].n);
    expect((await call("GET", "/api/audit?cursor=bm9wZQ")).body.code).toBe("validation_failed");
  });

  it("cannot be edited, not even by the service's own role", async () => {
    await newProfile("Immutable");
    await expect(db.query("update audit_entries set action = 'x.y'")).rejects.toThrow("append-only");
    await expect(db.query("delete from audit_entries")).rejects.toThrow("append-only");
    await expect(db.query("truncate audit_entries")).rejects.toThrow("append-only");
  });

  it("takes its change down with it when it cannot be written", async () => {
    await db.query("alter table audit_entries add constraint full_disk check (subject_id is null) not valid");
    const answer = await call("POST", "/api/risk-profiles", { name: "Unaudited" });
    await db.query("alter table audit_entries drop constraint full_disk");
    expect([answer.status, answer.body.code]).toEqual([500, "internal"]);
    expect(answer.body.detail).not.toContain("full_disk");
    const { rows } = await db.query("select 1 from risk_profiles where name = 'Unaudited'");
    expect(rows).toEqual([]);
  });
});

describe("detailed health", () => {
  it("is ready with every component healthy", async () => {
    const { status, body } = await call("GET", "/health/detailed");
    expect(status).toBe(200);
    expect(body).toMatchObject({ status: "ready", version: "9.9.9", summary: { components: 3, healthy: 3 } });
    expect(body.components.map((c: { name: string }) => c.name)).toEqual([
      "database",
      "migrations",
      "market-data",
    ]);
  });

  it("is not ready when a migration is missing", async () => {
    await db.query("begin; delete from schema_migrations where version = 3; commit");
    const { status, body } = await call("GET", "/health/detailed");
    const last = migrations[2];
    await db.query("insert into schema_migrations values ($1, $2, $3, false)", [
      3,
      last?.name,
      last?.checksum,
    ]);
    expect(status).toBe(503);
    expect(body.components[1]).toMatchObject({ name: "migrations", status: "unhealthy" });
  });

  it("accepts a newer schema, as after a rollback, unless that one is breaking", async () => {
    const next = migrations.length + 1;
    await db.query("insert into schema_migrations values ($1, 'newer.sql', 'x', false)", [next]);
    expect((await call("GET", "/health/detailed")).status).toBe(200);
    await db.query("update schema_migrations set is_breaking = true where version = $1", [next]);
    const breaking = await call("GET", "/health/detailed");
    await db.query("delete from schema_migrations where version = $1", [next]);
    expect(breaking.status).toBe(503);
  });
});
