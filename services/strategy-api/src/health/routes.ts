import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { Component } from "./component.ts";
import { ReadinessCheck, readinessChecks } from "./readiness.ts";
import { processUsage, Usage } from "./usage.ts";

const Identity = z.object({
  name: z.string(),
  version: z.string(),
  environment: z.string(),
  executionMode: z.enum(["backtest", "paper", "live"]),
});
const About = Identity.extend({
  /** How the live quotes are to be had: as a stream, or by asking again and again. */
  marketData: z.enum(["stream", "poll"]),
});
const Health = Identity.extend({ status: z.literal("ok"), ...Usage.shape });
const DetailedHealth = Identity.extend({
  status: z.enum(["ready", "not_ready"]),
  ...Usage.shape,
  components: z.array(Component),
  readiness: z.array(ReadinessCheck),
  summary: z.object({ components: z.number(), healthy: z.number(), checks: z.number(), passed: z.number() }),
});

export type HealthDependencies = {
  readonly identity: z.output<typeof Identity>;
  readonly marketData: "stream" | "poll";
  readonly probe: () => Promise<Component[]>;
};

/**
 * Health at three depths, and `/api/about` for clients that see nothing but `/api`. `/healthz`: the process answers. `/health`: what it is and uses, without touching the database.
 * `/health/detailed`, also below `/api`: every component is probed and every readiness check asked; 503 when one of them says no.
 */
export const healthRoutes: FastifyPluginAsyncZod<HealthDependencies> = async (app, deps) => {
  const { identity, marketData } = deps;
  const quiet = { logLevel: "warn" } as const;

  app.get(
    "/healthz",
    { ...quiet, schema: { response: { 200: z.object({ status: z.literal("ok") }) } } },
    async () => ({ status: "ok" as const }),
  );

  app.get("/api/about", { schema: { response: { 200: About } } }, async () => ({ ...identity, marketData }));

  app.get("/health", { ...quiet, schema: { response: { 200: Health } } }, async () => ({
    status: "ok" as const,
    ...identity,
    ...processUsage(),
  }));

  for (const path of ["/health/detailed", "/api/health/detailed"]) {
    app.get(
      path,
      { ...quiet, schema: { response: { 200: DetailedHealth, 503: DetailedHealth } } },
      async (_request, reply) => {
        const components = await deps.probe();
        const readiness = readinessChecks(identity.executionMode);
        const healthy = components.filter((component) => component.status === "healthy").length;
        const passed = readiness.filter((check) => check.passed).length;
        const isReady = healthy === components.length && passed === readiness.length;
        return reply.status(isReady ? 200 : 503).send({
          status: isReady ? "ready" : "not_ready",
          ...identity,
          ...processUsage(),
          components,
          readiness,
          summary: { components: components.length, healthy, checks: readiness.length, passed },
        });
      },
    );
  }
};
