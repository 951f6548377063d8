import { z } from "zod";
import { TimeSeriesError } from "../errors.ts";
import { computedHistory, type PriceHistory } from "../market-data/history.ts";
import { type InfluxClient, influxClient } from "../market-data/influx-client.ts";
import { influxHistory, writeAndRead } from "../market-data/influx-history.ts";
import { type FunctionConfig, INFLUX_SLOT, type TimeSeriesConfig } from "./config.ts";
import type { DataStore, StoreProbe } from "./function-health.ts";
import type { StoreGiven } from "./handler.ts";

const NAME = "time-series";
const ANSWER_TIMEOUT_MS = 2_000;

type InfluxConfig = Extract<TimeSeriesConfig, { kind: "influxdb" }>;

/** Where an InfluxDB at host:port is: in AWS always behind TLS. */
export type InfluxAddress = (endpoint: string) => string;
const overTls: InfluxAddress = (endpoint) => `https://${endpoint}`;

/** As `slipway secrets populate` stores it. */
const StoredToken = z.object({ apiKey: z.string().min(1) });

/** Where prices of the past are: in InfluxDB as soon as there is a token for it, else they are computed. */
export function openHistory(
  given: StoreGiven,
  tickMs: number,
  addressOf: InfluxAddress = overTls,
): () => Promise<PriceHistory> {
  const { timeSeries } = given.config;
  const computed = computedHistory(tickMs);
  if (timeSeries.kind !== "influxdb") return async () => computed;
  return async () => {
    const client = await openInflux(timeSeries, given, addressOf);
    return client === undefined ? computed : influxHistory(client);
  };
}

/** Without a token an InfluxDB is asked whether it answers, which it does for everybody; with one, whether it takes a point and gives it back. */
export async function timeSeriesProbes(
  given: StoreGiven,
  by: string,
  addressOf: InfluxAddress = overTls,
): Promise<StoreProbe[]> {
  const { timeSeries } = given.config;
  if (timeSeries.kind !== "influxdb") return [];
  let client: InfluxClient | undefined;
  try {
    client = await openInflux(timeSeries, given, addressOf);
  } catch (error) {
    return [{ name: NAME, used: true, ask: () => Promise.reject(error) }];
  }
  if (client === undefined)
    return [{ name: NAME, used: false, ask: () => ping(addressOf(timeSeries.endpoint)) }];
  const opened = client;
  return [
    {
      name: NAME,
      used: true,
      ask: async () => {
        await writeAndRead(opened, by, given.now().getTime());
        return "influxdb takes a point and gives it back";
      },
    },
  ];
}

/** What is not asked, and why. */
export function timeSeriesStates({ timeSeries }: Pick<FunctionConfig, "timeSeries">): DataStore[] {
  if (timeSeries.kind !== "liveanalytics") return [];
  const detail = `${timeSeries.kind}: prices are computed, nothing is stored there`;
  return [{ name: NAME, state: "not-asked", used: false, latencyMs: 0, detail }];
}

/** Undefined: its slot is empty. Rejects with TimeSeriesError when what is in the slot cannot be had or is no token. */
async function openInflux(
  { endpoint, organization, bucket }: InfluxConfig,
  { secrets }: Pick<StoreGiven, "secrets">,
  addressOf: InfluxAddress,
): Promise<InfluxClient | undefined> {
  const secret = await secrets.read(INFLUX_SLOT).catch((error: unknown) => {
    throw new TimeSeriesError("Its token cannot be read.", { cause: error });
  });
  if (secret === undefined) return undefined;
  const token = tokenIn(secret.reveal());
  return influxClient({ baseUrl: addressOf(endpoint), organization, bucket, token });
}

function tokenIn(stored: string): string {
  try {
    return StoredToken.parse(JSON.parse(stored)).apiKey;
  } catch {
    // What the parsers say may quote the token.
    throw new TimeSeriesError("What is in its slot is no token.");
  }
}

async function ping(baseUrl: string): Promise<string> {
  const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
  const answer = await fetch(`${baseUrl}/ping`, { signal });
  if (!answer.ok) throw new Error(`It answered ${answer.status}.`);
  return "influxdb answers; its slot is empty, so prices are computed and nothing is stored there";
}
