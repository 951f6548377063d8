import { setTimeout as pause } from "node:timers/promises";
import { messageOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { Boss } from "./boss.ts";

/** Pause between tries while the database is away. */
const OPEN_AGAIN_MS = 2_000;

/** The one pg-boss of a process, opened beside its start: nothing waits for it that can do without. */
export interface SharedBoss {
  /** The open one; undefined while it is not there. */
  current(): Boss | undefined;
  /** Resolves once it is open. Rejects when `close` came first. */
  opened: Promise<Boss>;
  /** Ends it, after whoever works with it has ended. */
  close(): Promise<void>;
}

/** Opens pg-boss in the background and tries again while that fails. */
export function shareBoss(
  open: () => Promise<Boss>,
  { logger }: { logger: Pick<Logger, "warn"> },
): SharedBoss {
  const closing = new AbortController();
  let current: Boss | undefined;
  const keepTrying = async (): Promise<Boss> => {
    for (;;) {
      closing.signal.throwIfAborted();
      try {
        current = await open();
        return current;
      } catch (error) {
        logger.warn({ error: messageOf(error) }, "jobs are not there yet; the next try follows");
        await pause(OPEN_AGAIN_MS, undefined, { signal: closing.signal });
      }
    }
  };
  const opened = keepTrying();
  // Whoever awaits it is told; nobody has to.
  opened.catch(() => {});
  return {
    current: () => current,
    opened,
    async close() {
      closing.abort();
      const boss = await opened.catch(() => undefined);
      current = undefined;
      await boss?.stop();
    },
  };
}
