import type { Claim } from "../attempts/store.ts";
import type { Clock } from "../clock.ts";
import type { DeploymentStep } from "../contract/deployments.ts";
import type { EventBody } from "../contract/events.ts";
import type { Database } from "../database.ts";
import type { NewEvent, StepChange } from "../deployments/events-store.ts";
import { appendEvents } from "../deployments/events-store.ts";
import { holdWhileDatabaseIsAway } from "../state/hold.ts";

/**
 * Least time between two writes. The first event after a pause is written at once; each write costs a flush of the disk, which an
 * update on the same disk would feel.
 */
const BATCH_MS = 200;
/** So many events are written at once at most; the next ones follow. */
const MAX_BATCH = 500;

/** A wait for the database ends by itself. */
const NEVER = new AbortController().signal;

/** Writes the events of one attempt in batches, in order, while the attempt holds its stack. */
export interface EventWriter {
  emit(body: EventBody): void;
  /** Records what a step came to, and the event that tells of it. */
  step(name: string, state: DeploymentStep["state"], detail?: string | null, result?: unknown): void;
  /** Resolves when everything emitted so far is stored. Rejects with what kept it from being stored; a lost lease is told by `onLost` alone. */
  flush(): Promise<void>;
}

/** `onLost` is called once, when a write found that the stack is somebody else's; nothing is written after that. */
export function openEventWriter(db: Database, claim: Claim, clock: Clock, onLost: () => void): EventWriter {
  const target = { deploymentId: claim.deploymentId, attempt: claim.attempt, fence: claim };
  let events: NewEvent[] = [];
  let steps = new Map<string, StepChange>();
  let timer: NodeJS.Timeout | undefined;
  let writtenAtMs = Number.NEGATIVE_INFINITY;
  let writing: Promise<void> = Promise.resolve();
  let failure: Error | undefined;
  let lost = false;
  let written = 0;

  const write = async (): Promise<void> => {
    while (!lost && failure === undefined && (events.length > 0 || steps.size > 0)) {
      const batch = events.slice(0, MAX_BATCH);
      const changes = [...steps.values()];
      events = events.slice(MAX_BATCH);
      steps = new Map();
      try {
        // The reply to an earlier try may have been lost after its commit, or that try may still be on its way.
        const append = (): Promise<boolean> => appendEvents(db, { ...target, written }, batch, changes);
        if (await holdWhileDatabaseIsAway(append, NEVER)) {
          written += batch.length;
          continue;
        }
        lost = true;
        onLost();
      } catch (error) {
        failure = error instanceof Error ? error : new Error(String(error));
      }
    }
  };
  const schedule = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    writtenAtMs = clock.monotonicMs();
    writing = writing.then(write);
    return writing;
  };
  const soon = (): void => {
    timer ??= setTimeout(() => void schedule(), Math.max(0, writtenAtMs + BATCH_MS - clock.monotonicMs()));
  };
  const now = (): string => clock.now().toISOString();

  return {
    emit(body) {
      if (lost) return;
      events.push({ at: now(), body });
      soon();
    },
    step(name, state, detail = null, result = null) {
      if (lost) return;
      const at = now();
      const before = steps.get(name);
      const isOver = state !== "running" && state !== "waiting";
      steps.set(name, {
        name,
        state,
        startedAt: before?.startedAt ?? (state === "skipped" ? null : at),
        finishedAt: isOver ? at : null,
        detail,
        result: result ?? before?.result ?? null,
      });
      events.push({ at, body: { type: "step", step: name, state, detail } });
      soon();
    },
    async flush() {
      await schedule();
      if (failure !== undefined) throw failure;
    },
  };
}
