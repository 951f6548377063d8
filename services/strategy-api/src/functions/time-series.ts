import type { FunctionConfig } from "./config.ts";
import type { DataStore, StoreProbe } from "./function-health.ts";

// Prices are computed from the instrument and the time, so nothing is kept of them in any time series.
const NAME = "time-series";
const ANSWER_TIMEOUT_MS = 2_000;

type Settings = Pick<FunctionConfig, "timeSeriesKind" | "timeSeriesEndpoint">;

/** Asks an InfluxDB whether it answers, which it does without sign-in. */
export function timeSeriesProbes({ timeSeriesKind, timeSeriesEndpoint }: Settings): StoreProbe[] {
  if (timeSeriesKind !== "influxdb" || timeSeriesEndpoint === undefined) return [];
  return [
    {
      name: NAME,
      used: false,
      ask: async () => {
        const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
        const answer = await fetch(`https://${timeSeriesEndpoint}/ping`, { signal });
        if (!answer.ok) throw new Error(`It answered ${answer.status}.`);
        return "influxdb answers; prices are generated, nothing is stored there";
      },
    },
  ];
}

/** What is not asked, and why. */
export function timeSeriesStates({ timeSeriesKind, timeSeriesEndpoint }: Settings): DataStore[] {
  if (timeSeriesKind === "none" || timeSeriesProbes({ timeSeriesKind, timeSeriesEndpoint }).length > 0)
    return [];
  const detail = `${timeSeriesKind}: prices are generated, nothing is stored there`;
  return [{ name: NAME, state: "not-asked", used: false, latencyMs: 0, detail }];
}
