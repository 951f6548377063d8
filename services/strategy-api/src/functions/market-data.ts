import { historyRoutes } from "../market-data/history-routes.ts";
import { createRecorder } from "../market-data/recorder.ts";
import { marketDataRoutes } from "../market-data/routes.ts";
import { noMarketDataStream } from "../market-data/stream-routes.ts";
import type { Category } from "./handler.ts";
import { openHistory, timeSeriesProbes, timeSeriesStates } from "./time-series.ts";

/** Every process computes the same prices, so all functions must agree on the length of a tick. */
const TICK_MS = 500;

export const marketData: Category<never> = {
  name: "market-data",
  healthPath: "/api/market-data/health",
  tables: [],
  secrets: ["binance", "coinbase", "kraken", "okx", "bsdex", "bison", "finoa", "bybit"],
  probes: (given) => timeSeriesProbes(given, "market-data"),
  states: timeSeriesStates,
  register: async (app, given) => {
    const settings = { marketTickMs: TICK_MS };
    const { now } = given;
    const history = openHistory(given, TICK_MS);
    const record = createRecorder(history, () => now().getTime());
    await app.register(marketDataRoutes, { settings, now, record });
    await app.register(historyRoutes, { settings, now, history });
    await app.register(noMarketDataStream);
  },
};
