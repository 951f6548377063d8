import type { AppDependencies } from "../dependencies.ts";
import { INSTRUMENTS } from "../market-data/instruments.ts";
import { quotesAt } from "../market-data/ticks.ts";
import { appliedMigrations, pendingMigrations } from "../migrations.ts";
import type { Component } from "./component.ts";

/** A probe that takes longer is reported as failed: a health check must not hang with what it checks. */
const PROBE_TIMEOUT_MS = 2_000;

/** The parts of the service, probed at the same time. Never throws: a probe's failure is its component's status. */
export async function probeComponents(deps: AppDependencies): Promise<Component[]> {
  return Promise.all([
    probe(deps, "database", async () => {
      await deps.db.query("select 1");
      return `${deps.db.totalCount} connections open, ${deps.db.waitingCount} requests waiting`;
    }),
    probe(deps, "migrations", async () => {
      const applied = await appliedMigrations(deps.db);
      const pending = pendingMigrations(deps.migrations, applied);
      if (pending.length > 0) throw new Error(`${pending.length} migrations have not been applied`);
      return `schema ${applied.length}, known ${deps.migrations.length}`;
    }),
    probe(deps, "market-data", async () => {
      const tick = Math.floor(deps.now().getTime() / deps.settings.marketTickMs);
      const bad = quotesAt(INSTRUMENTS, tick).find((quote) => !(quote.price > 0));
      if (bad !== undefined) throw new Error(`${bad.symbol} has no usable price`);
      return `${INSTRUMENTS.length} instruments, ${deps.streams.count()} streams open`;
    }),
  ]);
}

async function probe(
  deps: Pick<AppDependencies, "logger">,
  name: string,
  run: () => Promise<string>,
): Promise<Component> {
  const started = performance.now();
  const elapsed = () => Math.round((performance.now() - started) * 10) / 10;
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${PROBE_TIMEOUT_MS} ms`)), PROBE_TIMEOUT_MS);
  });
  try {
    const detail = await Promise.race([run(), timeout]);
    return { name, status: "healthy", detail, durationMs: elapsed() };
  } catch (error) {
    deps.logger.warn({ err: error, component: name }, "a component is unhealthy");
    // Driver messages can name hosts and roles, so callers get the component's name only; the log has the rest.
    return { name, status: "unhealthy", detail: "The probe failed; see the log.", durationMs: elapsed() };
  } finally {
    clearTimeout(timer);
  }
}
