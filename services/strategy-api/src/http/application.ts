import cors from "@fastify/cors";
import { type FastifyBaseLogger, type FastifyInstance, fastify, LogController } from "fastify";
import { serializerCompiler, validatorCompiler } from "fastify-type-provider-zod";
import { CORRELATION_HEADER, correlationIdOf } from "./correlation.ts";
import { allowedOrigins } from "./origins.ts";
import { installProblems } from "./problems.ts";

const BODY_LIMIT_BYTES = 64 * 1024;
const REQUEST_TIMEOUT_MS = 30_000;

/** An HTTP application without routes: what all categories share, in one process or each in a function of its own. It listens to nothing. */
export async function newApplication(
  logger: FastifyBaseLogger,
  settings: { readonly corsOrigins: string },
): Promise<FastifyInstance> {
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
    origin: allowedOrigins(settings.corsOrigins),
    methods: ["GET", "POST", "PATCH", "DELETE"],
    exposedHeaders: [CORRELATION_HEADER, "location"],
  });
  return app;
}
