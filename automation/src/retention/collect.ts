import { setTimeout as pause } from "node:timers/promises";
import type { RetentionCategory, RetentionLimits, RetentionRun } from "../contract/retention.ts";
import type { Database } from "../database.ts";
import { messageOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { collectFolder } from "./folders.ts";
import { addTotals, listRules, tryToCollect } from "./store.ts";
import { removeUnits, rowsOf, unitsBeyond } from "./units-store.ts";

/** Units a transaction: short, so that whoever waits for a row of it waits little. */
const BATCH = 200;
/** Of one run; the next one goes on. */
const RUN_MS = 60_000;
/** A server that has just started has better things to do. */
const FIRST_AFTER_MS = 300_000;
const EVERY_MS = 3_600_000;

export interface CollectOptions {
  db: Database;
  dataDir: string;
  /** Milliseconds since 1970, for files. */
  now: () => number;
}

/**
 * Collects what is beyond its limits, some at a time, for a minute at most; with `dryRun` only says what it would. Any number of servers may do it: one at a time does, and none
 * while a backup is taken.
 */
export async function collect(
  options: CollectOptions,
  dryRun: boolean,
  signal: AbortSignal,
): Promise<RetentionRun> {
  const until = AbortSignal.any([signal, AbortSignal.timeout(RUN_MS)]);
  const items: RetentionRun["items"] = [];
  let complete = true;
  for (const { category, limits } of await listRules(options.db)) {
    const done = await collectCategory(options, category, limits, dryRun, until);
    items.push({ category, removed: done.removed, freedBytes: done.freedBytes });
    complete &&= done.complete;
  }
  return { dryRun, complete, items };
}

interface Done {
  removed: number;
  freedBytes: number;
  complete: boolean;
}

async function collectCategory(
  { db, dataDir, now }: CollectOptions,
  category: RetentionCategory,
  limits: RetentionLimits,
  dryRun: boolean,
  signal: AbortSignal,
): Promise<Done> {
  const total: Done = { removed: 0, freedBytes: 0, complete: false };
  while (!signal.aborted) {
    const batch = await db.transaction().execute(async (trx) => {
      if (!(await tryToCollect(trx))) return null;
      const rows = rowsOf(category);
      if (rows === undefined) {
        const collected = await collectFolder(trx, dataDir, category, limits, { now: now(), dryRun, signal });
        if (!dryRun) await addTotals(trx, category, collected.removed, collected.freedBytes);
        return { ...collected, isLast: true };
      }
      // A dry run removes nothing, so that it has to see all at once.
      const units = await unitsBeyond(trx, rows, limits, dryRun ? Number.MAX_SAFE_INTEGER : BATCH);
      const bytes = units.reduce((sum, unit) => sum + unit.bytes, 0);
      if (dryRun) return { removed: units.length, freedBytes: bytes, isLast: true };
      const freedBytes =
        units.length === 0
          ? 0
          : await removeUnits(
              trx,
              rows,
              units.map(({ id }) => id),
            );
      await addTotals(trx, category, units.length, freedBytes);
      return { removed: units.length, freedBytes, isLast: units.length < BATCH };
    });
    if (batch === null) return total;
    total.removed += batch.removed;
    total.freedBytes += batch.freedBytes;
    if (batch.isLast) return { ...total, complete: !signal.aborted };
  }
  return total;
}

/** Collects every hour until `signal` aborts. Never rejects; what fails is tried again. */
export async function collectHourly(
  options: CollectOptions & { logger: Pick<Logger, "info" | "error"> },
  signal: AbortSignal,
): Promise<void> {
  // The only rejection is the abort, which the loop looks at.
  await pause(FIRST_AFTER_MS, undefined, { signal }).catch(() => {});
  while (!signal.aborted) {
    try {
      const { items } = await collect(options, false, signal);
      const freed = items.filter(({ removed }) => removed > 0);
      if (freed.length > 0) options.logger.info({ freed }, "collected what is no longer kept");
    } catch (error) {
      options.logger.error({ error: messageOf(error) }, "what is no longer kept could not be collected");
    }
    await pause(EVERY_MS, undefined, { signal }).catch(() => {});
  }
}
