import { fastify } from "fastify";
import { serializerCompiler, validatorCompiler } from "fastify-type-provider-zod";
import { afterEach, describe, expect, it } from "vitest";
import { TimeSeriesError } from "../errors.ts";
import { installProblems } from "../http/problems.ts";
import { computedHistory, type PriceHistory, spanOf } from "./history.ts";
import { historyRoutes } from "./history-routes.ts";
import { findInstrument, type Instrument } from "./instruments.ts";
import { livePrice } from "./prices.ts";

const TICK_MS = 500;
const HOUR_MS = 3_600_000;
const NOW_MS = Date.parse("2026-05-04T10:00:00.200Z");
const KEEL = findInstrument("KEEL") as Instrument;

describe("the span of a question", () => {
  const span = (fromMs: number, toMs: number, points: number) =>
    spanOf({ fromMs, toMs, nowMs: NOW_MS, points, tickMs: TICK_MS });

  it("has no more intervals than points are wanted, of whole ticks, and begins with one", () => {
    for (const points of [1, 7, 240, 1_000]) {
      const { fromMs, toMs, everyMs } = span(NOW_MS - HOUR_MS, NOW_MS, points);
      expect(everyMs % TICK_MS).toBe(0);
      expect(fromMs % everyMs).toBe(0);
      expect(fromMs).toBeLessThanOrEqual(NOW_MS - HOUR_MS);
      // One more where the span begins and ends within intervals.
      expect((toMs - fromMs) / everyMs).toBeLessThanOrEqual(points + 1);
    }
  });

  it("ends now, whatever is asked of the future", () => {
    expect(span(NOW_MS - HOUR_MS, NOW_MS + HOUR_MS, 10).toMs).toBe(NOW_MS);
    expect(span(NOW_MS + HOUR_MS, NOW_MS + 2 * HOUR_MS, 10)).toMatchObject({ everyMs: TICK_MS });
  });
});

it("computed prices are those that were live: the last one of each interval, and none after the end", async () => {
  const [fromMs, toMs] = [Date.parse("2026-05-04T09:00:00Z"), Date.parse("2026-05-04T09:00:02.200Z")];
  const points = await computedHistory(TICK_MS).pricesOf(KEEL, { fromMs, toMs, everyMs: 1_000 });
  expect(points).toEqual([
    { at: "2026-05-04T09:00:00.000Z", price: livePrice(KEEL, fromMs / TICK_MS + 1) },
    { at: "2026-05-04T09:00:01.000Z", price: livePrice(KEEL, fromMs / TICK_MS + 3) },
    { at: "2026-05-04T09:00:02.000Z", price: livePrice(KEEL, fromMs / TICK_MS + 4) },
  ]);
});

describe("GET /api/market-data/history", () => {
  const apps: { close(): Promise<unknown> }[] = [];
  afterEach(async () => {
    for (const app of apps.splice(0)) await app.close();
  });

  async function ask(query: string, history: PriceHistory = computedHistory(TICK_MS)) {
    const app = fastify();
    apps.push(app);
    app.setValidatorCompiler(validatorCompiler);
    app.setSerializerCompiler(serializerCompiler);
    installProblems(app);
    await app.register(historyRoutes, {
      settings: { marketTickMs: TICK_MS },
      history: async () => history,
      now: () => new Date(NOW_MS),
    });
    const answer = await app.inject(`/api/market-data/history?${query}`);
    return { status: answer.statusCode, body: answer.json() };
  }

  it("answers the last hour, says where the prices are from, and nothing of the future", async () => {
    const { status, body } = await ask("symbol=keel&points=60");
    expect([status, body.symbol, body.source]).toEqual([200, "KEEL", "computed"]);
    expect(Date.parse(body.items[0].at)).toBeLessThanOrEqual(NOW_MS - HOUR_MS);
    expect(Date.parse(body.items.at(-1).at)).toBeLessThanOrEqual(NOW_MS);
    expect(body.items.length).toBeGreaterThanOrEqual(60);
    expect((await ask("symbol=KEEL&from=2027-01-01T00:00:00Z")).body.items).toEqual([]);
  });

  it.each([
    ["an instrument that is none", "symbol=NONE", 422, "unknown_symbol"],
    ["no instrument", "", 400, "validation_failed"],
    [
      "a span that ends before it begins",
      "symbol=KEEL&from=2026-05-02T00:00:00Z&to=2026-05-01T00:00:00Z",
      400,
      "validation_failed",
    ],
    ["more points than a page can draw", "symbol=KEEL&points=1001", 400, "validation_failed"],
  ])("refuses %s", async (_, query, status, code) => {
    const answer = await ask(query);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });

  it("says that the prices cannot be had, and not why", async () => {
    const away: PriceHistory = {
      source: "recorded",
      record: async () => undefined,
      pricesOf: () => Promise.reject(new TimeSeriesError("It cannot be reached at 10.0.0.7.")),
    };
    const { status, body } = await ask("symbol=KEEL", away);
    expect([status, body.code]).toEqual([503, "time_series_unavailable"]);
    expect(JSON.stringify(body)).not.toContain("10.0.0.7");
  });
});
