import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { TimeSeriesError } from "../errors.ts";
import { type InfluxServer, startInfluxServer } from "../testing/influx-server.ts";
import { computedHistory, spanOf } from "./history.ts";
import { influxClient } from "./influx-client.ts";
import { influxHistory, writeAndRead } from "./influx-history.ts";
import { findInstrument, INSTRUMENTS, type Instrument } from "./instruments.ts";
import { createRecorder, RECORD_PAUSE_MS } from "./recorder.ts";
import { quotesAt, type Tick } from "./ticks.ts";

const TICK_MS = 500;
const START_MS = Date.parse("2026-05-04T09:00:00Z");
const PLACE = { organization: "desk", bucket: "ticks", token: "t0ken-of-the-bucket" };
const KEEL = findInstrument("KEEL") as Instrument;

let server: InfluxServer;
beforeAll(async () => {
  server = await startInfluxServer(PLACE);
});
afterAll(() => server.close());
beforeEach(() => server.fail(undefined));

const client = (given: Partial<typeof PLACE> = {}) =>
  influxClient({ baseUrl: server.url, ...PLACE, ...given });
const ticks = (fromMs: number, count: number): Tick[] =>
  Array.from({ length: count }, (_, index) => {
    const ms = fromMs + index * TICK_MS;
    return { at: new Date(ms).toISOString(), quotes: quotesAt(INSTRUMENTS, ms / TICK_MS) };
  });

describe("prices in InfluxDB", () => {
  it("are those that were kept: each interval has the one that the market computes, also when they come twice", async () => {
    const history = influxHistory(client());
    await history.record(ticks(START_MS, 40));
    await history.record(ticks(START_MS, 40));
    expect(server.points.size).toBe(40 * INSTRUMENTS.length);
    const toMs = START_MS + 40 * TICK_MS;
    for (const points of [1, 5, 40]) {
      const span = spanOf({ fromMs: START_MS, toMs, nowMs: toMs, points, tickMs: TICK_MS });
      const found = await history.pricesOf(KEEL, span);
      expect(found).toHaveLength(points);
      expect(found).toEqual(await computedHistory(TICK_MS).pricesOf(KEEL, span));
    }
  });

  it("are none where none were kept, and of the future", async () => {
    const history = influxHistory(client());
    const before = { fromMs: START_MS - 60_000, toMs: START_MS - 30_000, everyMs: 500 };
    expect(await history.pricesOf(KEEL, before)).toEqual([]);
    expect(await history.pricesOf(KEEL, { ...before, toMs: before.fromMs })).toEqual([]);
  });

  it("are written and read back by who asks whether they can be", async () => {
    await writeAndRead(client(), "market-data", START_MS + 5);
    await writeAndRead(client(), "market-data", START_MS + 9_000);
    expect([...server.points.values()].filter(({ measurement }) => measurement === "probe")).toHaveLength(1);
  });

  it.each<[string, Partial<typeof PLACE>, string]>([
    ["another token", { token: "another" }, "401"],
    ["a bucket that is not there", { bucket: "others" }, "404"],
    ["another organization", { organization: "others" }, "404"],
  ])("cannot be had with %s, and what is said of it has no token", async (_, given, status) => {
    const refusal: unknown = await writeAndRead(client(given), "x", START_MS).catch(
      (error: unknown) => error,
    );
    expect(refusal).toBeInstanceOf(TimeSeriesError);
    expect(String(refusal)).toContain(status);
    expect(String(refusal)).not.toContain(given.token ?? PLACE.token);
  });

  it.each([
    ["that nobody answers", "hang", "cannot be reached"],
    ["a page", { status: 200, body: "<html>\n<p>sign in</p>" }, "not the table"],
    [
      "a failure half-way",
      { status: 200, body: ",error,reference\r\n,out of memory,897\r\n" },
      "out of memory",
    ],
    ["too many requests", { status: 429, body: "{}" }, "429"],
  ] as const)("are not taken for there when the answer is %s", async (_, how, message) => {
    server.fail(how);
    const asked = influxHistory(client()).pricesOf(KEEL, { fromMs: 0, toMs: 1_000, everyMs: 500 });
    await expect(asked).rejects.toThrow(message);
  });

  it("that are not given back are no store", async () => {
    server.fail({ status: 200, body: "" });
    await expect(writeAndRead(client(), "x", START_MS)).rejects.toThrow("does not give back");
  });
});

describe("who hands out ticks", () => {
  const later = START_MS + 3_600_000;
  const warnings: string[] = [];
  const log = { warn: (_: object, message: string) => void warnings.push(message) };
  let clock = later;
  const recorder = () =>
    createRecorder(
      async () => influxHistory(client()),
      () => clock,
    );
  const keptAfter = (ms: number) => [...server.points.values()].filter((point) => point.ms >= ms).length;

  it("keeps each once, with those in between that another answer had not", async () => {
    const record = recorder();
    const [first, second, third] = ticks(later, 3);
    if (first === undefined || second === undefined || third === undefined)
      throw new Error("three were made");
    await record([first, third], log);
    expect(keptAfter(later)).toBe(2 * INSTRUMENTS.length);
    server.fail({ status: 500 });
    // Nothing is new, so that nothing is asked.
    await record([third], log);
    expect(warnings).toEqual([]);
    server.fail(undefined);
    await record([second, third], log);
    expect(keptAfter(later)).toBe(3 * INSTRUMENTS.length);
  });

  it("answers while nothing can be kept, leaves the store alone for a while, and keeps then what comes", async () => {
    const record = recorder();
    const [missed, next] = ticks(later + 60_000, 2);
    if (missed === undefined || next === undefined) throw new Error("two were made");
    server.fail({ status: 503 });
    await record([missed], log);
    expect(warnings).toEqual(["ticks were not recorded"]);
    server.fail(undefined);
    clock += RECORD_PAUSE_MS - 1;
    await record([missed], log);
    expect(keptAfter(later + 60_000)).toBe(0);
    clock += 1;
    await record([missed, next], log);
    expect(keptAfter(later + 60_000)).toBe(2 * INSTRUMENTS.length);
    expect(warnings).toHaveLength(1);
  });
});
