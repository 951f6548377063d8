import { setTimeout as pause } from "node:timers/promises";
import { claimNext, isAnythingQueued } from "../attempts/claim-store.ts";
import type { Claim } from "../attempts/store.ts";
import { recordWorker } from "../attempts/store.ts";
import { markDraining } from "../attempts/worker-store.ts";
import type { Notifications } from "../database/notifications.ts";
import { removeAbandoned } from "../dependencies/install.ts";
import { recordConcurrency, recordStop } from "../dispatch/workers-store.ts";
import { messageOf } from "../errors.ts";
import type { WorkerContext } from "./context.ts";
import { recordOwnPlace } from "./dead-leases.ts";
import { drain } from "./drain.ts";
import { cancelRequests } from "./facts-store.ts";
import { CONTAINED_MS } from "./lease-keeper.ts";
import { runAttempt } from "./run-attempt.ts";
import type { StopSwitch } from "./stop-reason.ts";
import { createStopSwitch } from "./stop-reason.ts";
import { removeFoldersOfDeadWorkers, takeOverLost } from "./take-over.ts";
import type { ReadyContainment } from "./warm-containments.ts";
import { openWarmContainments } from "./warm-containments.ts";

/** A worker of this machine that dies is noticed within this. */
const SWEEP_MS = 1_000;
const HEARTBEAT_EVERY_SWEEPS = 10;
/** What killed workers of this machine have left is gone soon after they are seen to be dead. */
const TIDY_EVERY_SWEEPS = 5;
const ABANDONED_EVERY_SWEEPS = 30;

export interface DispatcherOptions {
  /** Of the work channel; started and stopped by the caller. */
  notifications: Pick<Notifications, "subscribeAll">;
  host: string;
  /** Attempts at once. */
  concurrency: number;
  /** How long running attempts may go on after `stop` before they are interrupted. */
  drainMs: number;
}

/** A worker at work. */
export interface Dispatcher {
  /** Looks for something to claim now. */
  wake(): void;
  /** Claims nothing more, lets running attempts finish for the drain time or until `hurry`, then interrupts them; resolves when nothing is left. */
  stop(hurry: AbortSignal): Promise<void>;
}

interface Running {
  claim: Claim;
  ready: ReadyContainment;
  stop: StopSwitch;
  done: Promise<void>;
}

/** Claims and runs deployments until it is stopped. Resolves when it can take work. */
export async function startDispatcher(
  context: WorkerContext,
  options: DispatcherOptions,
): Promise<Dispatcher> {
  await recordWorker(context.db, context.workerId, options.host);
  await recordOwnPlace(context.db, context.workerId);
  await recordConcurrency(context.db, context.workerId, options.concurrency);
  await removeFoldersOfDeadWorkers(context);
  const warm = openWarmContainments(context);
  const running = new Map<string, Running>();
  /** From here on nothing is claimed. */
  const stopping = new AbortController();
  /** From here on nothing runs: until then others must see that this worker lives, and what they lost is taken over. */
  const ended = new AbortController();
  let pumping: Promise<void> | undefined;
  let again = false;

  const startOne = async (): Promise<boolean> => {
    // A containment costs a fifth of a second of processor time: none is made on mere suspicion, and none is given up for a claim that a database that is away never saw.
    if (!(await isAnythingQueued(context.db))) return false;
    // It would fail half-way for want of space; another worker may have some.
    if ((await context.disk.status()).low) return false;
    const ready = await warm.take();
    const askedAt = context.clock.monotonicMs();
    const claim = await claimNext(context.db, {
      workerId: context.workerId,
      attemptId: ready.attemptId,
    }).catch((error: unknown) => {
      // The claim may have been made: then its id is taken, and the takeover of its lease gives the deployment to somebody.
      warm.discard(ready);
      throw error;
    });
    if (claim === null) {
      warm.giveBack(ready);
      return false;
    }
    // The answer came after the containment's deadline (this process was stopped, say): ending what began now could outlast the lease.
    if (context.clock.monotonicMs() - askedAt >= CONTAINED_MS) {
      warm.discard(ready);
      context.logger.warn({ deployment: claim.deploymentId }, "the answer to a claim came too late");
      return true;
    }
    ready.containment.renew(askedAt, CONTAINED_MS);
    const stop = createStopSwitch();
    const done = runAttempt(context, claim, ready, stop).finally(() => {
      running.delete(claim.deploymentId);
      wake();
    });
    running.set(claim.deploymentId, { claim, ready, stop, done });
    return true;
  };
  const cancelAsked = async (): Promise<void> => {
    for (const id of await cancelRequests(context.db, [...running.keys()])) {
      const one = running.get(id);
      if (one === undefined || one.stop.reason() !== null) continue;
      one.stop.stop("cancelled");
      one.ready.containment.interrupt(context.cancelGraceMs);
    }
  };
  const pump = async (): Promise<void> => {
    do {
      again = false;
      await cancelAsked();
      while (!stopping.signal.aborted && running.size < options.concurrency && (await startOne()));
    } while (again && !stopping.signal.aborted);
  };
  const wake = (): void => {
    if (stopping.signal.aborted && running.size === 0) return;
    again = true;
    pumping ??= pump()
      .catch((error: unknown) =>
        context.logger.error({ error: messageOf(error) }, "nothing could be claimed"),
      )
      .finally(() => {
        pumping = undefined;
      });
  };
  const sweep = async (): Promise<void> => {
    for (let count = 1; !ended.signal.aborted; count += 1) {
      try {
        if (count % HEARTBEAT_EVERY_SWEEPS === 0)
          await recordWorker(context.db, context.workerId, options.host);
        await takeOverLost(context);
        if (count % TIDY_EVERY_SWEEPS === 0) await removeFoldersOfDeadWorkers(context);
        if (count % ABANDONED_EVERY_SWEEPS === 0) await removeAbandoned(context.dependencies.root);
      } catch (error) {
        context.logger.error({ error: messageOf(error) }, "the sweep failed; the next one follows");
      }
      wake();
      // The only rejection is the abort, which the loop looks at.
      await pause(SWEEP_MS, undefined, { signal: ended.signal }).catch(() => {});
    }
  };
  const sweeping = sweep();
  const unsubscribe = options.notifications.subscribeAll(wake);

  return {
    wake,
    async stop(hurry) {
      stopping.abort();
      await pumping;
      // Only what people see depends on it.
      await markDraining(context.db, context.workerId).catch((error: unknown) =>
        context.logger.warn({ error: messageOf(error) }, "the drain was not recorded"),
      );
      await drain([...running.values()], {
        drainMs: options.drainMs,
        cancelGraceMs: context.cancelGraceMs,
        hurry,
      });
      ended.abort();
      await sweeping;
      unsubscribe();
      await warm.close();
      // Only what people see depends on it.
      await recordStop(context.db, context.workerId).catch((error: unknown) =>
        context.logger.warn({ error: messageOf(error) }, "the end of the worker was not recorded"),
      );
    },
  };
}
