import fastify, { type FastifyInstance } from "fastify";
import type { KeeperProblem } from "../../../infra/providers/local/contract.ts";
import { messageOf, SlipwayError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { type RouteDependencies, registerRoutes } from "./routes.ts";

const BODY_LIMIT_BYTES = 4 * 1024 * 1024;

const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  invalid_request: 400,
  invalid_environment: 400,
  not_found: 404,
  bundle_missing: 422,
  bundle_digest_mismatch: 422,
  bundle_unreadable: 422,
  process_unhealthy: 422,
  process_not_started: 422,
  upstream_unhealthy: 409,
  port_taken: 409,
  database_taken: 409,
  no_database_server: 503,
  keeper_stopping: 503,
};

/** The HTTP application of a keeper; it listens to nothing yet. */
export function buildKeeperApp(dependencies: RouteDependencies, logger: Logger): FastifyInstance {
  const app = fastify({ logger: false, bodyLimit: BODY_LIMIT_BYTES });
  app.setErrorHandler((thrown, request, reply) => {
    const known = thrown instanceof SlipwayError ? STATUS_BY_CODE[thrown.code] : undefined;
    const status = known ?? clientStatus(thrown) ?? 500;
    // Bodies are never logged: they hold environments.
    if (status >= 500)
      logger.error({ err: thrown, method: request.method, url: request.url }, "request failed");
    const problem: KeeperProblem = {
      code: thrown instanceof SlipwayError ? thrown.code : "keeper_failed",
      title: messageOf(thrown),
      ...(thrown instanceof SlipwayError && thrown.remedy !== undefined ? { remedy: thrown.remedy } : {}),
    };
    return reply.code(status).type("application/problem+json").send(problem);
  });
  registerRoutes(app, dependencies);
  return app;
}

/** Fastify's own refusals (a body that is no JSON or too large) carry their status. */
function clientStatus(thrown: unknown): number | undefined {
  if (typeof thrown !== "object" || thrown === null || !("statusCode" in thrown)) return undefined;
  const { statusCode } = thrown;
  return typeof statusCode === "number" && statusCode < 500 ? statusCode : undefined;
}
