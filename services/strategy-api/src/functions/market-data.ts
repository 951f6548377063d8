import { marketDataRoutes } from "../market-data/routes.ts";
import { noMarketDataStream } from "../market-data/stream-routes.ts";
import type { Category } from "./handler.ts";
import { timeSeriesProbes, timeSeriesStates } from "./time-series.ts";

/** Every process computes the same prices, so all functions must agree on the length of a tick. */
const TICK_MS = 500;

export const marketData: Category<never> = {
  name: "market-data",
  healthPath: "/api/market-data/health",
  tables: [],
  secrets: ["binance", "coinbase", "kraken", "okx", "bsdex", "bison", "finoa", "bybit"],
  probes: timeSeriesProbes,
  states: timeSeriesStates,
  register: async (app, { now }) => {
    await app.register(marketDataRoutes, { settings: { marketTickMs: TICK_MS }, now });
    await app.register(noMarketDataStream);
  },
};
