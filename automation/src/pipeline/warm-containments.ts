import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import path from "node:path";
import type { AttemptContainment } from "../engine/attempt.ts";
import { openContainment } from "../engine/containment.ts";
import { messageOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { attemptFolder } from "./work-folders.ts";

/** A containment that waits holds no stack, so its deadline only guards against a worker that hangs. */
const IDLE_DEADLINE_MS = 60_000;
const IDLE_RENEWAL_MS = 20_000;
const RETRY_MS = 2_000;
const BUSY_PAUSE_MS = 10_000;
/** One for the next claim and one for a claim that follows at once: making one takes a third of a second. */
const SPARES = 2;

/** A containment that is ready for an attempt; the attempt takes its id from it. */
export interface ReadyContainment {
  attemptId: string;
  folder: string;
  containment: AttemptContainment;
}

/** Keeps containments ready ahead of need. */
export interface WarmContainments {
  /** A ready one, or the one that is being made; it is made up for when no attempt needs the processor. Throws when a containment cannot be made. */
  take(): Promise<ReadyContainment>;
  /** Takes back one that was not needed. */
  giveBack(ready: ReadyContainment): void;
  /** Ends one that must not be handed out again: its attempt may be in the database although nobody heard so. */
  discard(ready: ReadyContainment): void;
  close(): Promise<void>;
}

export function openWarmContainments(options: {
  dataDir: string;
  workerId: string;
  nodePath: string;
  logger: Logger;
}): WarmContainments {
  const { dataDir, workerId, nodePath, logger } = options;
  const spare: ReadyContainment[] = [];
  const inUse = new Set<ReadyContainment>();
  const dropping = new Set<Promise<void>>();
  let making: Promise<ReadyContainment> | undefined;
  let retry: NodeJS.Timeout | undefined;
  let isClosed = false;

  const make = async (): Promise<ReadyContainment> => {
    const attemptId = randomUUID();
    const folder = attemptFolder(dataDir, workerId, attemptId);
    const containment = await openContainment({
      nodePath,
      deadlineMs: IDLE_DEADLINE_MS,
      attemptDir: folder,
      compileCache: path.join(path.resolve(dataDir), "cache", "slipway-node"),
    });
    return { attemptId, folder, containment };
  };
  const drop = (ready: ReadyContainment): void => {
    const gone = ready.containment
      .close()
      .then(() => rm(ready.folder, { recursive: true, force: true }))
      .catch((error: unknown) => logger.warn({ error: messageOf(error) }, "a containment was not removed"))
      .finally(() => dropping.delete(gone));
    dropping.add(gone);
  };
  const prepare = (): void => {
    if (isClosed || making !== undefined || spare.length >= SPARES) return;
    // While an attempt runs, the start of a second spare would take the processor from it.
    if (spare.length > 0 && inUse.size > 0) return;
    making = make();
    making
      .then((ready) => {
        making = undefined;
        if (isClosed) return drop(ready);
        spare.push(ready);
        prepare();
        void ready.containment.ended.then(() => {
          // Ended by itself while it waited: never hand it out.
          const index = spare.indexOf(ready);
          if (index < 0) return;
          spare.splice(index, 1);
          drop(ready);
          prepare();
        });
      })
      .catch((error: unknown) => {
        making = undefined;
        logger.error({ error: messageOf(error) }, "a containment could not be made; trying again");
        prepareLater();
      });
  };
  const prepareLater = (ms = RETRY_MS): void => {
    clearTimeout(retry);
    if (!isClosed) retry = setTimeout(prepare, ms);
  };
  const renewing = setInterval(() => {
    for (const ready of spare) ready.containment.renew(performance.now(), IDLE_DEADLINE_MS);
  }, IDLE_RENEWAL_MS);
  prepare();

  return {
    async take() {
      if (spare.length === 0 && making !== undefined) await making.catch(() => {});
      const ready = spare.shift() ?? (await make());
      inUse.add(ready);
      // Most attempts have ended by then: what they need of the processor comes first.
      prepareLater(BUSY_PAUSE_MS);
      void ready.containment.ended.then(() => {
        if (!inUse.delete(ready)) return;
        // The next deployment of the same person may follow at once.
        if (spare.length === 0) prepare();
        else prepareLater();
      });
      return ready;
    },
    giveBack(ready) {
      inUse.delete(ready);
      if (isClosed || spare.length >= SPARES) drop(ready);
      else spare.unshift(ready);
    },
    discard(ready) {
      inUse.delete(ready);
      drop(ready);
      prepareLater();
    },
    async close() {
      isClosed = true;
      clearInterval(renewing);
      clearTimeout(retry);
      await making?.catch(() => {});
      for (const ready of spare.splice(0)) drop(ready);
      await Promise.all(dropping);
      await rm(path.join(path.resolve(dataDir), "attempts", workerId), { recursive: true, force: true });
    },
  };
}
