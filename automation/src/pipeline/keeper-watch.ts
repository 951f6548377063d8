import { setTimeout as pause } from "node:timers/promises";
import { KeeperStatus } from "../../../infra/providers/local/contract.ts";
import { KeeperError, keeperClient } from "../../../infra/providers/local/keeper-client.ts";
import { recordKeeper } from "../attempts/worker-store.ts";
import type { Database } from "../database.ts";
import { messageOf } from "../errors.ts";
import type { Logger } from "../logger.ts";

/** A keeper that starts together with the worker is found within this. */
const FIRST_LOOK_MS = 250;
const LATER_LOOK_MS = 5_000;
const LOOKS_OFTEN_FOR_MS = 60_000;
const ANSWER_WITHIN_MS = 2_000;

/** The keeper that a worker reaches. */
export interface KeeperWatch {
  /** Its id; null: none was there yet. One that went away counts as being started again. */
  id(): string | null;
  close(): Promise<void>;
}

/**
 * Looks for the keeper of this machine and records it with the worker, since only workers that reach the keeper of a stack may claim it. `onFound` is called when there is a new
 * one.
 */
export function watchKeeper(
  context: {
    db: Database;
    workerId: string;
    keeperSocket: () => string;
    logger: Pick<Logger, "info" | "warn">;
  },
  onFound: () => void,
): KeeperWatch {
  const stopping = new AbortController();
  let id: string | null = null;
  const look = async (): Promise<void> => {
    const found = await askKeeper(context.keeperSocket(), stopping.signal);
    if (found === null || found === id) return;
    await recordKeeper(context.db, context.workerId, found);
    id = found;
    context.logger.info({ keeper: found }, "stacks of the local target can be deployed by this keeper");
    onFound();
  };
  const watch = async (): Promise<void> => {
    const began = performance.now();
    while (!stopping.signal.aborted) {
      await look().catch((error: unknown) =>
        context.logger.warn({ error: messageOf(error) }, "the keeper was not recorded; trying again"),
      );
      const isEarly = id === null && performance.now() - began < LOOKS_OFTEN_FOR_MS;
      // The only rejection is the abort, which the loop looks at.
      await pause(isEarly ? FIRST_LOOK_MS : LATER_LOOK_MS, undefined, { signal: stopping.signal }).catch(
        () => {},
      );
    }
  };
  const watching = watch();
  return {
    id: () => id,
    close() {
      stopping.abort();
      return watching;
    },
  };
}

/** The id of the keeper behind a socket; null when none answers, or one of a version that has no id. */
async function askKeeper(socket: string, signal: AbortSignal): Promise<string | null> {
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]);
    const { id } = await keeperClient(socket, limit).call("GET", "/v1/status", undefined, KeeperStatus);
    return id === "" ? null : id;
  } catch (error) {
    // No keeper on this machine, or one that is being started: the next look tells.
    if (error instanceof KeeperError) return null;
    throw error;
  }
}
