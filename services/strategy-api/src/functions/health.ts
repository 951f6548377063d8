import type { Component } from "../health/component.ts";
import { healthRoutes } from "../health/routes.ts";
import { cacheProbe } from "./cache-probe.ts";
import type { DataStore } from "./function-health.ts";
import type { Category } from "./handler.ts";
import { timeSeriesProbes, timeSeriesStates } from "./time-series.ts";

export const health: Category<"templates" | "strategies" | "risk-profiles" | "backtests" | "audit"> = {
  name: "health",
  healthPath: "/api/health",
  tables: ["templates", "strategies", "risk-profiles", "backtests", "audit"],
  secrets: [],
  probes: async (given) => {
    const { cacheEndpoint } = given.config;
    const cache = cacheEndpoint === undefined ? [] : [cacheProbe(cacheEndpoint)];
    return [...cache, ...(await timeSeriesProbes(given, "health"))];
  },
  states: timeSeriesStates,
  register: async (app, { config, identity, health }) => {
    const { environment, executionMode } = config;
    await app.register(healthRoutes, {
      identity: { ...identity, environment, executionMode },
      marketData: "poll",
      probe: async () => (await health()).dataStores.filter((store) => store.used).map(componentOf),
    });
  },
};

function componentOf({ name, state, detail, latencyMs }: DataStore): Component {
  return { name, status: state === "reachable" ? "healthy" : "unhealthy", detail, durationMs: latencyMs };
}
