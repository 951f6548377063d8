import type { FastifyInstance } from "fastify";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Database } from "../database.ts";
import type { DiskGuard } from "../disk/guard.ts";
import type { RunMetrics } from "../monitoring/metrics-store.ts";
import { readRunMetrics } from "../monitoring/metrics-store.ts";
import type { Progress } from "../monitoring/progress.ts";

const DURATION_BUCKETS_SECONDS = [0.005, 0.02, 0.05, 0.1, 0.3, 1, 3, 10, 30, 60];
const MS_PER_SECOND = 1_000;

export interface MetricsOptions {
  db: Database;
  disk: DiskGuard;
  progress: Progress;
}

/**
 * `/metrics` for Prometheus: requests of this server, and of the whole installation its runs, queue, leases, takeovers, engine times, workers, deliveries and alarms, read at the
 * moment of the scrape. With several servers the latter are the same from each: take the max, not the sum.
 */
export function registerMetrics(app: FastifyInstance, { db, disk, progress }: MetricsOptions): void {
  const register = new Registry();
  collectDefaultMetrics({ register });
  const requests = new Histogram({
    name: "slipway_http_request_duration_seconds",
    help: "Time from a request to the end of its answer",
    labelNames: ["method", "route", "status"],
    buckets: DURATION_BUCKETS_SECONDS,
    registers: [register],
  });
  app.addHook("onResponse", (request, reply, done) => {
    // The route and not the address: names of stacks would make a series each.
    const route = request.routeOptions.url ?? "unknown";
    requests.observe(
      { method: request.method, route, status: reply.statusCode },
      reply.elapsedTime / MS_PER_SECOND,
    );
    done();
  });
  const record = recorder(register);
  app.get(
    "/metrics",
    { config: { permission: "installation.read" }, schema: { hide: true } },
    async (_request, reply) => {
      record(await readRunMetrics(db));
      const { freeBytes } = await disk.status();
      setGauge(register, "slipway_disk_free_bytes", freeBytes);
      for (const { name, ageMs } of progress.all()) {
        setGauge(register, "slipway_loop_age_seconds", ageMs / MS_PER_SECOND, { loop: name });
      }
      return reply.type(register.contentType).send(await register.metrics());
    },
  );
}

/** Name, help and labels of what is read at each scrape. */
const GAUGES = {
  slipway_deployments: ["Deployments by status", ["status"]],
  slipway_queue_age_seconds: ["Age of the oldest queued deployment; 0 when none is queued", []],
  slipway_lease_margin_seconds: ["Time left of the attempt's lease that ends first", []],
  slipway_workers: ["Workers of the last hour by state", ["state"]],
  slipway_pauses: ["Pauses in force", []],
  slipway_alarms_open: ["Alarms that nobody has looked at", []],
  slipway_emergencies_unreviewed: [
    "Deployments that passed votes by in an emergency and were not reviewed yet",
    [],
  ],
  slipway_deliveries: ["Notifications by what became of them", ["status"]],
  slipway_step_duration_seconds: [
    "Durations of steps that succeeded in the last hour",
    ["operation", "step", "quantile"],
  ],
  slipway_step_count: ["Steps that succeeded in the last hour", ["operation", "step"]],
  slipway_disk_free_bytes: ["Free space of the folder that has least to spare", []],
  slipway_loop_age_seconds: ["Time since a loop of this server last came through", ["loop"]],
} as const satisfies Record<string, readonly [string, readonly string[]]>;

function setGauge(
  register: Registry,
  name: keyof typeof GAUGES,
  value: number,
  labels: Record<string, string> = {},
): void {
  const gauge = register.getSingleMetric(name);
  if (gauge instanceof Gauge) gauge.set(labels, value);
}

/** Makes the gauges and answers what fills them. What is no longer there is no longer told. */
function recorder(register: Registry): (metrics: RunMetrics) => void {
  for (const [name, [help, labelNames]] of Object.entries(GAUGES)) {
    new Gauge({ name, help, labelNames: [...labelNames], registers: [register] });
  }
  const takeovers = new Counter({
    name: "slipway_takeovers_total",
    help: "Attempts that were lost and taken over",
    registers: [register],
  });
  const alarms = new Counter({
    name: "slipway_alarms_total",
    help: "Double executions and stuck runs that were found",
    registers: [register],
  });
  const set = (name: keyof typeof GAUGES, value: number, labels?: Record<string, string>): void =>
    setGauge(register, name, value, labels);
  return (metrics) => {
    for (const name of Object.keys(GAUGES)) register.getSingleMetric(name)?.reset();
    for (const { status, count } of metrics.deployments) set("slipway_deployments", count, { status });
    set("slipway_queue_age_seconds", metrics.queueAgeSeconds);
    if (metrics.leaseMarginSeconds !== null) set("slipway_lease_margin_seconds", metrics.leaseMarginSeconds);
    for (const { state, count } of metrics.workers) set("slipway_workers", count, { state });
    set("slipway_pauses", metrics.pauses);
    set("slipway_alarms_open", metrics.openAlarms);
    set("slipway_emergencies_unreviewed", metrics.unreviewedEmergencies);
    for (const { status, count } of metrics.deliveries) set("slipway_deliveries", count, { status });
    for (const { operation, step, count, median, p95 } of metrics.steps) {
      set("slipway_step_count", count, { operation, step });
      set("slipway_step_duration_seconds", median, { operation, step, quantile: "0.5" });
      set("slipway_step_duration_seconds", p95, { operation, step, quantile: "0.95" });
    }
    // Counted by the database for all servers: never by how often this one was asked.
    takeovers.reset();
    takeovers.inc(metrics.takeovers);
    alarms.reset();
    alarms.inc(metrics.alarms);
  };
}
