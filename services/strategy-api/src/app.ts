import cors from "@fastify/cors";
import { type FastifyBaseLogger, type FastifyInstance, fastify, LogController } from "fastify";
import { serializerCompiler, validatorCompiler } from "fastify-type-provider-zod";
import { auditRoutes } from "./audit/routes.ts";
import { backtestRoutes } from "./backtests/routes.ts";
import type { AppDependencies } from "./dependencies.ts";
import { healthRoutes } from "./health/routes.ts";
import { CORRELATION_HEADER, correlationIdOf } from "./http/correlation.ts";
import { allowedOrigins } from "./http/origins.ts";
import { installProblems } from "./http/problems.ts";
import { marketDataRoutes } from "./market-data/routes.ts";
import { riskProfileRoutes } from "./risk-profiles/routes.ts";
import { strategyRoutes } from "./strategies/routes.ts";
import { templateRoutes } from "./templates/routes.ts";

const BODY_LIMIT_BYTES = 64 * 1024;
const REQUEST_TIMEOUT_MS = 30_000;

/** The HTTP application. It listens to nothing and owns none of its dependencies: the caller opens and closes them. */
export async function buildApp(deps: AppDependencies): Promise<FastifyInstance> {
  const logger: FastifyBaseLogger = deps.logger;
  const app = fastify({
    loggerInstance: logger,
    logController: new LogController({ requestIdLogLabel: "correlationId" }),
    genReqId: (request) => correlationIdOf(request.headers),
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // While it stops, the process still answers requests that a proxy sent just before it learned of the stop.
    return503OnClosing: false,
  });
  // Fastify reads text bodies too; then a forgotten content type would look like a wrong body.
  app.removeContentTypeParser("text/plain");
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.addHook("onRequest", async (request, reply) => {
    reply.header(CORRELATION_HEADER, request.id);
  });
  installProblems(app);
  await app.register(cors, {
    origin: allowedOrigins(deps.settings.corsOrigins),
    methods: ["GET", "POST", "PATCH", "DELETE"],
    exposedHeaders: [CORRELATION_HEADER, "location"],
  });
  await app.register(healthRoutes, deps);
  await app.register(templateRoutes, deps);
  await app.register(strategyRoutes, deps);
  await app.register(riskProfileRoutes, deps);
  await app.register(backtestRoutes, deps);
  await app.register(marketDataRoutes, deps);
  await app.register(auditRoutes, deps);
  return app;
}
