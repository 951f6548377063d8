import helmet from "@fastify/helmet";
import rateLimit from "@fastify/rate-limit";
import underPressure from "@fastify/under-pressure";
import type { FastifyInstance } from "fastify";

/** Largest body that is read. */
export const BODY_LIMIT_BYTES = 1024 * 1024;
/** Longest path parameter that reaches validation, which then says what is wrong; a longer one is no address. */
export const PARAMETER_LIMIT = 2_000;
const REQUESTS_PER_MINUTE = 1_200;
/** The console, the CLI and the tests on this machine: only a runaway loop gets there. */
const LOOPBACK_REQUESTS_PER_MINUTE = 60_000;
const LOOPBACK = new Set(["127.0.0.1", "::1", "::ffff:127.0.0.1"]);
/** A loop that is stuck for so long answers nobody in time; better 503 at once than a queue that grows. */
const LONGEST_LOOP_DELAY_MS = 5_000;

/** Security headers, a rate limit by address and refusal under overload. `shedsLoad` false: however late, everything is answered. */
export async function registerLimits(
  app: FastifyInstance,
  { https, shedsLoad = true }: { https: boolean; shedsLoad?: boolean },
): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: {
      directives: {
        defaultSrc: ["'self'"],
        // The console's components set styles on elements.
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", "data:"],
        fontSrc: ["'self'", "data:"],
        workerSrc: ["'self'", "blob:"],
        frameAncestors: ["'none'"],
        // Over plain HTTP it would send the browser to an https:// that nobody listens on.
        upgradeInsecureRequests: null,
      },
    },
    strictTransportSecurity: https,
  });
  await app.register(rateLimit, {
    timeWindow: 60_000,
    max: (request) => (LOOPBACK.has(request.ip) ? LOOPBACK_REQUESTS_PER_MINUTE : REQUESTS_PER_MINUTE),
  });
  if (shedsLoad) await app.register(underPressure, { maxEventLoopDelay: LONGEST_LOOP_DELAY_MS });
}
