import { z } from "zod";
import { TimeSeriesError } from "../errors.ts";
import type { PriceHistory } from "./history.ts";
import type { InfluxClient } from "./influx-client.ts";

const TICKS = "tick";
const PROBES = "probe";
const HOUR_MS = 3_600_000;
/** Others write the same point at the same time, with the time at which they began. */
const PROBE_OVERLAP_MS = 10_000;

const PriceRow = z.object({ _time: z.iso.datetime(), _value: z.string().min(1).pipe(z.coerce.number()) });
const ProbeRow = z.object({ _value: z.string().min(1).pipe(z.coerce.number()) });

/** The prices that were kept in a bucket. Symbols are those of the list of instruments: plain letters, which need no escape. */
export function influxHistory(client: InfluxClient): PriceHistory {
  return {
    source: "recorded",
    record: async (ticks) => {
      const lines = ticks.flatMap(({ at, quotes }) =>
        quotes.map(
          ({ symbol, price, change }) =>
            `${TICKS},symbol=${symbol} price=${price},change=${change} ${Date.parse(at)}`,
        ),
      );
      await client.write(lines);
    },
    pricesOf: async ({ symbol }, { fromMs, toMs, everyMs }) => {
      // InfluxDB refuses an empty span.
      if (fromMs >= toMs) return [];
      const rows = await client.query(
        [
          `from(bucket: ${JSON.stringify(client.bucket)})`,
          `range(start: ${instant(fromMs)}, stop: ${instant(toMs)})`,
          `filter(fn: (r) => r._measurement == "${TICKS}" and r.symbol == "${symbol}" and r._field == "price")`,
          `aggregateWindow(every: ${everyMs}ms, fn: last, createEmpty: false, timeSrc: "_start")`,
          'keep(columns: ["_time", "_value"])',
        ].join(" |> "),
      );
      return parsedRows(PriceRow, rows).map(({ _time, _value }) => ({
        at: new Date(_time).toISOString(),
        price: _value,
      }));
    },
  };
}

/** Writes a point and reads it back: the token may do both, and the bucket is there. One point an hour and function stays. Rejects with TimeSeriesError. */
export async function writeAndRead(client: InfluxClient, by: string, nowMs: number): Promise<void> {
  const hour = Math.floor(nowMs / HOUR_MS) * HOUR_MS;
  await client.write([`${PROBES},by=${by} at=${nowMs} ${hour}`]);
  const rows = await client.query(
    [
      `from(bucket: ${JSON.stringify(client.bucket)})`,
      `range(start: ${instant(hour)}, stop: ${instant(hour + HOUR_MS)})`,
      `filter(fn: (r) => r._measurement == "${PROBES}" and r.by == "${by}" and r._field == "at")`,
      'keep(columns: ["_time", "_value"])',
    ].join(" |> "),
  );
  const newest = Math.max(...parsedRows(ProbeRow, rows).map(({ _value }) => _value));
  if (!(newest >= nowMs - PROBE_OVERLAP_MS))
    throw new TimeSeriesError("It does not give back what was written.");
}

function instant(ms: number): string {
  return new Date(ms).toISOString();
}

function parsedRows<T>(row: z.ZodType<T>, rows: readonly Record<string, string>[]): T[] {
  const parsed = z.array(row).safeParse(rows);
  if (parsed.success) return parsed.data;
  throw new TimeSeriesError("Its answer is not the table that was asked for.", { cause: parsed.error });
}
