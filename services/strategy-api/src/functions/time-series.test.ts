import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createLogger } from "../logger.ts";
import { computedHistory } from "../market-data/history.ts";
import { type InfluxServer, startInfluxServer } from "../testing/influx-server.ts";
import type { FunctionConfig, TimeSeriesConfig } from "./config.ts";
import { askStores, type DataStore } from "./function-health.ts";
import type { StoreGiven } from "./handler.ts";
import { type InfluxAddress, openHistory, timeSeriesProbes, timeSeriesStates } from "./time-series.ts";

const PLACE = { organization: "desk", bucket: "ticks", token: "t0ken-of-the-bucket" };
const logged: string[] = [];
const logger = createLogger("info", { write: (line) => logged.push(line) });

let server: InfluxServer;
beforeAll(async () => {
  server = await startInfluxServer(PLACE);
});
afterAll(() => server.close());
beforeEach(() => server.fail(undefined));

/** What a function has: a slot that holds `stored`, is empty (undefined) or cannot be read (an error). */
function given(stored: string | undefined | Error, kind: TimeSeriesConfig["kind"] = "influxdb"): StoreGiven {
  const timeSeries: TimeSeriesConfig =
    kind === "influxdb"
      ? { kind, endpoint: server.endpoint, organization: PLACE.organization, bucket: PLACE.bucket }
      : { kind };
  const read = async () => {
    if (stored instanceof Error) throw stored;
    return stored === undefined ? undefined : { versionId: "v1", reveal: () => stored };
  };
  return {
    config: { timeSeries } as FunctionConfig,
    secrets: { read, states: async () => [] },
    now: () => new Date(),
  };
}
const TOKEN = JSON.stringify({ apiKey: PLACE.token });
/** The stand-in speaks no TLS. */
const plainly: InfluxAddress = (endpoint) => `http://${endpoint}`;

async function health(has: StoreGiven): Promise<DataStore | undefined> {
  const [asked] = await askStores(await timeSeriesProbes(has, "market-data", plainly), logger);
  return asked;
}

describe("the health of a time series", () => {
  it("is that a point was taken and given back, as soon as there is a token", async () => {
    expect(await health(given(TOKEN))).toMatchObject({
      name: "time-series",
      used: true,
      state: "reachable",
      detail: "influxdb takes a point and gives it back",
    });
    expect(server.points.size).toBe(1);
  });

  it("without a token is that somebody answers, and decides about nothing", async () => {
    const asked = await health(given(undefined));
    expect(asked).toMatchObject({ used: false, state: "reachable" });
    expect(asked?.detail).toContain("its slot is empty");
    server.fail({ status: 503 });
    expect(await health(given(undefined))).toMatchObject({ used: false, state: "unreachable" });
  });

  it.each([
    ["a token that is refused", JSON.stringify({ apiKey: "another-token" }), undefined, "401"],
    ["a slot with something else in it", "t0ken-without-its-envelope", undefined, "is no token"],
    ["a slot that is locked", new Error("AccessDenied"), undefined, "cannot be read"],
    ["an InfluxDB that is away", TOKEN, { status: 503 }, "503"],
  ] as const)("is bad with %s, which only the log says", async (_, stored, failure, reason) => {
    server.fail(failure);
    const asked = await health(given(stored));
    expect(asked).toMatchObject({
      used: true,
      state: "unreachable",
      detail: "The question failed; see the log.",
    });
    expect(logged.at(-1)).toContain(reason);
    expect(logged.join("\n")).not.toContain("t0ken");
  });

  it("is nothing of the kind where there is none, and not claimed where nothing asks it", async () => {
    for (const kind of ["none", "liveanalytics"] as const)
      expect(await timeSeriesProbes(given(TOKEN, kind), "health", plainly)).toEqual([]);
    expect(timeSeriesStates({ timeSeries: { kind: "liveanalytics" } })).toMatchObject([
      { state: "not-asked", used: false },
    ]);
    expect(timeSeriesStates(given(TOKEN).config)).toEqual([]);
  });
});

describe("prices of the past", () => {
  const span = { fromMs: 0, toMs: 2_000, everyMs: 500 };
  const sourceOf = async (has: StoreGiven) => (await openHistory(has, 500, plainly)()).source;

  it("are those of InfluxDB with a token, and computed without one or without InfluxDB", async () => {
    expect(await sourceOf(given(TOKEN))).toBe("recorded");
    expect(await sourceOf(given(undefined))).toBe("computed");
    expect(await sourceOf(given(TOKEN, "none"))).toBe("computed");
    expect(await sourceOf(given(TOKEN, "liveanalytics"))).toBe("computed");
  });

  it("cannot be had when the token cannot be read: computed ones would hide it", async () => {
    await expect(sourceOf(given(new Error("AccessDenied")))).rejects.toThrow("cannot be read");
  });

  it("that are computed need no store", async () => {
    const instrument = { symbol: "KEEL", name: "", basePrice: 37.5, dailyDrift: 0, dailyVolatility: 0.02 };
    const computed = await (await openHistory(given(undefined), 500, plainly)()).pricesOf(instrument, span);
    expect(computed).toEqual(await computedHistory(500).pricesOf(instrument, span));
  });
});
