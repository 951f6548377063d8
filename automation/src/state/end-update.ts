import { setTimeout as pause } from "node:timers/promises";
import { appendAudit } from "../audit/store.ts";
import { systemClock } from "../clock.ts";
import type { Database, Transaction } from "../database.ts";
import { notify, WORK_CHANNEL } from "../deployments/events-store.ts";
import { messageOf, SlipwayError } from "../errors.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { holdWhileDatabaseIsAway } from "./hold.ts";
import { readBatches, readCheckpoint } from "./journal-store.ts";
import type { EndStatus } from "./rules.ts";
import { DRAIN_MS, decideCancel, decideComplete, openOperations } from "./rules.ts";
import { insertState, lockedBy, lockedState } from "./states-store.ts";
import { PACKED_RATIO, runWork } from "./threads/pool.ts";
import type { Locked, SealedState } from "./threads/work.ts";
import type { UpdateRow } from "./updates-store.ts";
import {
  beginDrain,
  endUpdateRow,
  findUpdateRow,
  freeWriter,
  holdsStack,
  lockUpdate,
  lockWriter,
  runningUpdatesOfAttempt,
  UPDATE_CHANNEL,
} from "./updates-store.ts";
import type { WriteDependencies, Writing } from "./write-state.ts";
import { refusal, targetOf, updateOfToken } from "./write-state.ts";

/** How often a drain looks whether everything that was under way has ended. */
const DRAIN_POLL_MS = 100;
/** A CLI that names no version in its User-Agent. Its states then carry none, which every CLI reads. */
const UNKNOWN_VERSION = "";
const CLI_VERSION = /^pulumi-cli\/\d+ \((v[0-9A-Za-z.+-]{1,60});/u;

/** Whoever ends an update, as the audit entry names them. */
export interface Ender {
  principal: string;
  requestId: string | null;
}

/** The one principal of what happens by itself. */
const SYSTEM: Ender = { principal: "system", requestId: null };

/**
 * Ends an update in the caller's transaction: makes what it has recorded into a state on top of the one that it began with, moves its status, writes the audit entry,
 * frees the stack of a bare update and tells who waits. The caller has locked the update and, for a bare one, the writer's row before it: whatever was being written is
 * committed and seen, and nothing is written afterwards.
 *
 * A journal that cannot be made into a state must not keep the stack for ever: the update then ends as failed with the reason, which is answered, the state
 * before stays, and the journal is kept.
 */
export async function endUpdate(
  trx: Transaction,
  { keyring }: { keyring: Keyring },
  update: UpdateRow,
  status: EndStatus,
  by: Ender = SYSTEM,
): Promise<{ failure: string | null }> {
  const end = await materialise(trx, keyring, update, status);
  await endUpdateRow(trx, update.id, {
    status: end.failure === null ? status : "failed",
    stateId: end.stateId,
    resourceCount: end.resourceCount,
    failure: end.failure,
  });
  if (!update.dryRun && update.attemptId === null && update.epoch !== null) {
    await freeWriter(trx, { stackId: update.stackId, updateId: update.id, epoch: update.epoch });
    await notify(trx, WORK_CHANNEL, update.stackId);
  }
  // A preview changes nothing, and the audit log is of changes.
  if (!update.dryRun) {
    await appendAudit(trx, {
      principal: by.principal,
      action: `update.${end.failure === null ? status : "failed"}`,
      organisation: update.organisation,
      subject: `${update.organisation}/${update.project}/${update.stack}`,
      details: {
        update: update.id,
        number: update.number,
        kind: update.kind,
        ...(update.deploymentId === null ? {} : { deployment: update.deploymentId }),
        state: end.stateNumber,
        resources: end.resourceCount,
        ...(end.failure === null ? {} : { failure: end.failure }),
        ...(end.problems.length === 0 ? {} : { leftOut: end.problems }),
      },
      requestId: by.requestId,
    });
  }
  await notify(trx, UPDATE_CHANNEL, update.id);
  return { failure: end.failure };
}

/**
 * Ends all running updates of an attempt, previews too, in the transaction that ends or takes over the attempt. The caller holds the writer's row. Answers how many
 * there were.
 */
export async function endUpdatesOfAttempt(
  trx: Transaction,
  deps: { keyring: Keyring },
  attemptId: string,
  status: "cancelled" | "expired",
): Promise<number> {
  const ids = await runningUpdatesOfAttempt(trx, attemptId);
  for (const id of ids) {
    const update = await lockUpdate(trx, id);
    // Completed while we waited for its row.
    if (update?.status === "running") await endUpdate(trx, deps, update, status);
  }
  return ids.length;
}

/**
 * What the CLI says at the end of its update (POST complete). Once is enough; again, after a lost reply, changes nothing. Throws SlipwayError `forbidden` when the update
 * ended otherwise before, or may not write any more, `invalid_journal` when it has ended, but as failed for that reason.
 */
export async function completeUpdate(
  deps: WriteDependencies,
  writing: Writing,
  asked: "succeeded" | "failed" | "cancelled",
  requestId: string,
): Promise<void> {
  const target = targetOf(writing);
  const failure = await holdWhileDatabaseIsAway(async () => {
    const { id, stackId, attemptId, dryRun } = await updateOfToken(deps.db, target);
    return deps.db.transaction().execute(async (trx): Promise<string | null> => {
      // The worker of an attempt renews the same row every few seconds and must not wait for a large state.
      const isBare = !dryRun && attemptId === null;
      const writer = isBare ? await lockWriter(trx, stackId) : null;
      const update = await lockUpdate(trx, id);
      if (update === undefined) throw new SlipwayError("not_found", "There is no such update.");
      const decision = decideComplete({ status: update.status, draining: update.drainUntil !== null }, asked);
      if (decision.kind === "done") return null;
      if (decision.kind === "refused") throw refusal(update, "lease");
      const holds = dryRun || (await stillHolds(trx, update, writer?.isLive === true));
      if (!holds) throw refusal(update, "lease");
      const by = { principal: update.cancelledBy ?? update.principal, requestId };
      return (await endUpdate(trx, deps, update, decision.status, by)).failure;
    });
  }, writing.signal);
  if (failure !== null) throw new SlipwayError("invalid_journal", failure);
}

/** What a cancel needs. */
export interface Cancelling {
  stackId: string;
  updateId: string;
  by: Ender;
  signal: AbortSignal;
  /** Shorter in tests. */
  drainMs?: number;
}

/**
 * Cancels a bare update (POST cancel) and returns when its stack is free. From now on the CLI can begin nothing: all that is still recorded, for at most `DRAIN_MS`, is how
 * operations ended that were under way. The stack stays held meanwhile, and the state is made once, at the end of it: when the last of them has ended, when the CLI
 * says that it is through, or when the time is up. Should this server die while it waits, the reaper does the same. Throws SlipwayError `conflict` when there is nothing to
 * cancel or a deployment runs the update, `not_found`.
 */
export async function cancelUpdate(deps: WriteDependencies, cancelling: Cancelling): Promise<void> {
  const { signal } = cancelling;
  const until = await holdWhileDatabaseIsAway(() => startCancel(deps, cancelling), signal);
  if (until === null) return;
  // Whoever asked has gone: the reaper ends the drain.
  if (!(await drain(deps, cancelling, until))) return;
  await holdWhileDatabaseIsAway(() => finishCancel(deps, cancelling), signal);
}

/** Answers until when the drain lasts at most, by this process's monotonic clock; null when the update is at its end. */
async function startCancel(
  deps: WriteDependencies,
  { stackId, updateId, by, drainMs = DRAIN_MS }: Cancelling,
): Promise<number | null> {
  return deps.db.transaction().execute(async (trx) => {
    await lockWriter(trx, stackId);
    const update = await lockUpdate(trx, updateId);
    if (update === undefined || update.stackId !== stackId) {
      throw new SlipwayError("not_found", "The stack has no such update.");
    }
    const decision = decideCancel(update);
    switch (decision.kind) {
      case "done":
        return null;
      case "refused":
        throw new SlipwayError(
          "conflict",
          decision.detail,
          decision.remedy === undefined ? {} : { remedy: decision.remedy },
        );
      case "drop":
        await endUpdate(trx, deps, update, "cancelled", by);
        return null;
      case "drain":
        // A second cancel waits for the end of the first one's drain.
        if (update.drainUntil === null) {
          await beginDrain(trx, update, { principal: by.principal, drainMs });
          await notify(trx, UPDATE_CHANNEL, update.id);
        }
        return performance.now() + drainMs;
    }
  });
}

/** Waits until nothing is under way any more or the time is up. Answers false when the wait was given up. */
async function drain(
  { db, keyring }: WriteDependencies,
  { stackId, updateId, signal }: Cancelling,
  until: number,
): Promise<boolean> {
  let open = new Set<number>();
  let seen = 0;
  for (;;) {
    const update = await holdWhileDatabaseIsAway(() => findUpdateRow(db, { stackId, updateId }), signal);
    // Whole states say nothing of what is under way but at their end: the CLI's completion is waited for.
    if (update?.status !== "running") return true;
    const batches = await holdWhileDatabaseIsAway(() => readBatches(db, updateId, seen), signal);
    if (batches.length > 0) {
      const locked = await lockAll(db, keyring, stackId, batches);
      open = openOperations(await runWork("operations", { batches: locked }, sizeOf(locked)), open);
      seen = batches.at(-1)?.id ?? seen;
    }
    if (update.journalVersion > 0 && open.size === 0) return true;
    if (performance.now() >= until) return true;
    if (signal.aborted) return false;
    // The only rejection is the abort, which the loop looks at.
    await pause(DRAIN_POLL_MS, undefined, { signal }).catch(() => {});
  }
}

async function finishCancel(deps: WriteDependencies, { stackId, updateId, by }: Cancelling): Promise<void> {
  await deps.db.transaction().execute(async (trx) => {
    await lockWriter(trx, stackId);
    const update = await lockUpdate(trx, updateId);
    if (update?.status !== "running") return;
    await endUpdate(trx, deps, update, "cancelled", by);
  });
}

/** The right to write, checked under the locks of an end. */
async function stillHolds(trx: Transaction, update: UpdateRow, isLive: boolean): Promise<boolean> {
  return update.attemptId === null && !isLive ? false : holdsStack(trx, update);
}

interface Materialised {
  stateId: string | null;
  stateNumber: number | null;
  resourceCount: number | null;
  failure: string | null;
  problems: SealedState["problems"];
}

async function materialise(
  trx: Transaction,
  keyring: Keyring,
  update: UpdateRow,
  status: EndStatus,
): Promise<Materialised> {
  const nothing = { stateId: null, stateNumber: null, resourceCount: null, failure: null, problems: [] };
  if (update.dryRun || update.status !== "running") return nothing;
  try {
    const sealed = await stateOf(trx, keyring, update);
    // Nothing was recorded: the state is the one that it began with.
    if (sealed === null) return { ...nothing, stateId: update.baseState };
    const { resourceCount, problems } = sealed;
    const { id, number } = await insertState(
      trx,
      { stackId: update.stackId, updateId: update.id, resourceCount, partial: status !== "succeeded" },
      sealed,
    );
    return { stateId: id, stateNumber: number, resourceCount, failure: null, problems };
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    const failure = `What it recorded cannot be made into a state: ${messageOf(error)}`;
    return { ...nothing, stateId: update.baseState, failure };
  }
}

/** Faults of what was sent; anything else (a key that is away, a database) passes by itself and is tried again. */
function isUnreadable(error: unknown): boolean {
  return (
    error instanceof SlipwayError && ["invalid_journal", "invalid_state", "invalid_json"].includes(error.code)
  );
}

async function stateOf(trx: Transaction, keyring: Keyring, update: UpdateRow): Promise<SealedState | null> {
  const { stackId } = update;
  if (update.journalVersion === 0) {
    const body = await readCheckpoint(trx, update.id);
    if (body === undefined) return null;
    const [key, checkpoint] = [
      await keyring.newest(trx, stackId),
      await lockedBy(trx, keyring, stackId, body),
    ];
    return runWork("takeCheckpoint", { key, checkpoint }, body.length * PACKED_RATIO);
  }
  const batches = await readBatches(trx, update.id);
  if (batches.length === 0) return null;
  const locked = await lockAll(trx, keyring, stackId, batches);
  const base = update.baseState === null ? null : await lockedState(trx, keyring, stackId, update.baseState);
  const meta = {
    manifestTime: systemClock.now().toISOString(),
    cliVersion: CLI_VERSION.exec(update.client ?? "")?.[1] ?? UNKNOWN_VERSION,
  };
  const key = await keyring.newest(trx, stackId);
  return runWork("replay", { base, batches: locked, key, meta }, sizeOf(locked) + (base?.sizeBytes ?? 0));
}

function sizeOf(locked: readonly Locked[]): number {
  return locked.reduce((total, { body }) => total + body.length, 0) * PACKED_RATIO;
}

async function lockAll(
  db: Database,
  keyring: Keyring,
  stackId: string,
  batches: readonly { body: Buffer }[],
): Promise<Locked[]> {
  const locked: Locked[] = [];
  for (const { body } of batches) locked.push(await lockedBy(db, keyring, stackId, body));
  return locked;
}
