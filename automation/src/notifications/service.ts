import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { withTransaction } from "../database.ts";
import type { Boss } from "../dispatch/boss.ts";
import { messageOf } from "../errors.ts";
import type { DeliveryDependencies } from "./deliver.ts";
import { deliver, PER_DESTINATION, sendJob } from "./deliver.ts";
import { overdueDeliveries } from "./deliveries-store.ts";
import { readNow } from "./destinations-store.ts";
import { deleteOldNotifications, listRoutes, lockUnrouted, recordRoutes } from "./outbox-store.ts";
import { routeNotification } from "./rules.ts";

/** How late a message may leave the outbox. */
const LOOK_EVERY_MS = 1_000;
/** A delivery that is so late has lost its job; pg-boss itself looks every few seconds for jobs of a later time. */
const LATE_MS = 3_000;
const BATCH = 50;
/** Messages and their tries are for the weeks after; what happened itself is in the audit log. */
const KEEP_MS = 90 * 86_400_000;
const CLEAN_EVERY_MS = 3_600_000;
const CLEAN_BATCH = 500;
/** Tries of one server at once. */
const CONCURRENCY = 8;

const DeliveryJob = z.object({ delivery: z.uuid() });

export interface ServiceDependencies extends DeliveryDependencies {
  boss: Pick<Boss, "send" | "work">;
  /** Shorter in tests. */
  lookEveryMs?: number;
  lateMs?: number;
  /** Told after each look that went through. */
  onPass?: () => void;
}

/**
 * Routes and delivers messages until `signal` aborts; resolves when nothing of it runs any more. Any number of servers may do it at once: each row is
 * taken by one. Never rejects for what fails in between; it is tried again.
 */
export async function runNotifications(deps: ServiceDependencies, signal: AbortSignal): Promise<void> {
  const running = new Set<Promise<void>>();
  const sweep = { lateMs: deps.lateMs ?? LATE_MS, perDestination: PER_DESTINATION };
  /** Supervised: a database that fails leaves the delivery to its lease. */
  const start = (id: string): Promise<void> => {
    const work = deliver(deps, id, signal)
      .catch((error: unknown) => {
        deps.logger.error({ delivery: id, error: messageOf(error) }, "a delivery could not be recorded");
      })
      .finally(() => running.delete(work));
    running.add(work);
    return work;
  };
  await deps.boss
    .work(
      "deliver-notification",
      async ({ data }) => {
        if (!signal.aborted) await start(DeliveryJob.parse(data).delivery);
      },
      { concurrency: CONCURRENCY },
    )
    .catch((error: unknown) => {
      // Slower without jobs, but nothing is lost: the sweep finds every delivery.
      deps.logger.error({ error: messageOf(error) }, "jobs of notifications cannot be taken");
    });
  let cleanedMs = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    let late: Promise<void>[] = [];
    try {
      await routePending(deps);
      const room = CONCURRENCY - running.size;
      const ids = room <= 0 ? [] : await overdueDeliveries(deps.db, { ...sweep, limit: room });
      late = ids.map(start);
      if (deps.clock.monotonicMs() - cleanedMs > CLEAN_EVERY_MS) {
        const before = new Date((await readNow(deps.db)).getTime() - KEEP_MS);
        const removed = await deleteOldNotifications(deps.db, before, CLEAN_BATCH);
        // A full batch: there is more, and the next look takes it.
        if (removed < CLEAN_BATCH) cleanedMs = deps.clock.monotonicMs();
      }
      deps.onPass?.();
    } catch (error) {
      deps.logger.error({ error: messageOf(error) }, "notifications could not be looked for");
    }
    // The next one follows at once when a late one has ended: there may be many. The only rejection is the abort, which the loop looks at.
    const rest = pause(deps.lookEveryMs ?? LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
    await Promise.race([rest, ...late]);
  }
  await Promise.all(running);
}

/** Finds the destinations of what is in the outbox and sends their jobs; answers how many messages. */
export async function routePending(
  deps: Pick<DeliveryDependencies, "db" | "boss" | "policy">,
): Promise<number> {
  let count = 0;
  for (;;) {
    const routed = await withTransaction(deps.db, async (trx) => {
      const pending = await lockUnrouted(trx, BATCH);
      if (pending.length === 0) return 0;
      const routes = await listRoutes(trx);
      for (const notification of pending) {
        const destinations = routeNotification(notification, routes);
        const ids = await recordRoutes(trx, notification.id, destinations, deps.policy.horizonMs);
        for (const id of ids) await sendJob(deps, trx, id);
      }
      return pending.length;
    });
    count += routed;
    if (routed < BATCH) return count;
  }
}

/** Pause between tries to open pg-boss while the database is away. */
const OPEN_AGAIN_MS = 2_000;

/**
 * Opens pg-boss, tries again while that fails, and runs notifications until `signal` aborts; then closes it. Never rejects.
 */
export async function superviseNotifications(
  open: () => Promise<Boss>,
  deps: Omit<ServiceDependencies, "boss">,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const boss = await open();
      try {
        await runNotifications({ ...deps, boss }, signal);
      } finally {
        await boss.stop();
      }
    } catch (error) {
      deps.logger.error({ error: messageOf(error) }, "notifications cannot be delivered now");
      // The only rejection is the abort, which the loop looks at.
      await pause(OPEN_AGAIN_MS, undefined, { signal }).catch(() => {});
    }
  }
}
