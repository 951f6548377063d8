import type { FastifyInstance } from "fastify";
import { sql } from "kysely";
import { collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { DeploymentStatus } from "../contract/deployments.ts";
import type { Database } from "../database.ts";

const DURATION_BUCKETS_SECONDS = [0.005, 0.02, 0.05, 0.1, 0.3, 1, 3, 10, 30, 60];

/** `/metrics` for Prometheus: requests by route, deployments by status, the age of the oldest queued one. */
export function registerMetrics(app: FastifyInstance, db: Database): void {
  const registers = [new Registry()];
  const [register] = registers;
  if (register === undefined) return;
  collectDefaultMetrics({ register });
  const requests = new Histogram({
    name: "slipway_http_request_duration_seconds",
    help: "Time from a request to the end of its answer",
    labelNames: ["method", "route", "status"],
    buckets: DURATION_BUCKETS_SECONDS,
    registers,
  });
  const deployments = new Gauge({
    name: "slipway_deployments",
    help: "Deployments by status",
    labelNames: ["status"],
    registers,
  });
  const queueAge = new Gauge({
    name: "slipway_queue_age_seconds",
    help: "Age of the oldest queued deployment; 0 when none is queued",
    registers,
  });
  app.addHook("onResponse", (request, reply, done) => {
    // The route and not the address: names of stacks would make a series each.
    const route = request.routeOptions.url ?? "unknown";
    requests.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1_000);
    done();
  });
  app.get(
    "/metrics",
    { config: { permission: "installation.read" }, schema: { hide: true } },
    async (_request, reply) => {
      const { rows } = await sql<{ status: string; count: number; age: number }>`
      select status, count(*) as count, coalesce(extract(epoch from now() - min(requested_at)), 0)::float8 as age
      from deployments group by status`.execute(db);
      for (const status of DeploymentStatus.options) {
        deployments.set({ status }, rows.find((row) => row.status === status)?.count ?? 0);
      }
      queueAge.set(rows.find((row) => row.status === "queued")?.age ?? 0);
      return reply.type(register.contentType).send(await register.metrics());
    },
  );
}
