import type { FastifyInstance } from "fastify";
import { postgresAudit } from "./audit/postgres-store.ts";
import { auditRoutes } from "./audit/routes.ts";
import { postgresBacktests } from "./backtests/postgres-store.ts";
import { backtestRoutes } from "./backtests/routes.ts";
import type { AppDependencies } from "./dependencies.ts";
import { probeComponents } from "./health/components.ts";
import { healthRoutes } from "./health/routes.ts";
import { newApplication } from "./http/application.ts";
import { computedHistory } from "./market-data/history.ts";
import { historyRoutes } from "./market-data/history-routes.ts";
import { marketDataRoutes } from "./market-data/routes.ts";
import { marketDataStream } from "./market-data/stream-routes.ts";
import { postgresRiskProfiles } from "./risk-profiles/postgres-store.ts";
import { riskProfileRoutes } from "./risk-profiles/routes.ts";
import { postgresStrategies } from "./strategies/postgres-store.ts";
import { strategyRoutes } from "./strategies/routes.ts";
import { postgresTemplates } from "./templates/postgres-store.ts";
import { templateRoutes } from "./templates/routes.ts";

/** The HTTP application of one process on Postgres. It listens to nothing and owns none of its dependencies: the caller opens and closes them. */
export async function buildApp(deps: AppDependencies): Promise<FastifyInstance> {
  const { db, now, newId } = deps;
  const templates = postgresTemplates(db);
  const app = await newApplication(deps.logger, deps.settings);
  const { name, version, environment, executionMode } = deps.settings;
  await app.register(healthRoutes, {
    identity: { name, version, environment, executionMode },
    marketData: "stream",
    probe: () => probeComponents(deps),
  });
  await app.register(templateRoutes, { templates, now });
  await app.register(strategyRoutes, { strategies: postgresStrategies(db), templates, now, newId });
  await app.register(riskProfileRoutes, { riskProfiles: postgresRiskProfiles(db), now, newId });
  await app.register(backtestRoutes, { backtests: postgresBacktests(db), now, newId });
  await app.register(marketDataRoutes, deps);
  await app.register(marketDataStream, deps);
  const history = computedHistory(deps.settings.marketTickMs);
  await app.register(historyRoutes, { ...deps, history: async () => history });
  await app.register(auditRoutes, { audit: postgresAudit(db) });
  return app;
}
