import type { FastifyInstance } from "fastify";
import type { Span, Tracing } from "../monitoring/tracing.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Of what this request leads to; null when nothing is traced. */
    traceParent: string | null;
  }
}

const SERVER_ERROR = 500;

/** A span for each request, in the caller's trace when it sends `traceparent`. Probes and scrapes make none: they would drown the rest. */
export function traceRequests(app: FastifyInstance, tracing: Tracing): void {
  app.decorateRequest("traceParent", null);
  if (!tracing.isOn) return;
  const spans = new WeakMap<object, Span>();
  app.addHook("onRequest", (request, _reply, done) => {
    const route = request.routeOptions.url ?? "unknown";
    if (!QUIET.has(route)) {
      const { traceparent } = request.headers;
      const span = tracing.start(`${request.method} ${route}`, {
        parent: typeof traceparent === "string" ? traceparent : null,
        kind: "server",
        attributes: {
          "http.request.method": request.method,
          "http.route": route,
          "slipway.request": request.id,
        },
      });
      spans.set(request, span);
      request.traceParent = span.traceParent;
    }
    done();
  });
  app.addHook("onResponse", (request, reply, done) => {
    spans.get(request)?.end(reply.statusCode >= SERVER_ERROR ? `status ${reply.statusCode}` : undefined);
    done();
  });
}

const QUIET = new Set(["/livez", "/readyz", "/metrics"]);
