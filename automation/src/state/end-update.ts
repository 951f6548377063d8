import { appendAudit } from "../audit/store.ts";
import { systemClock } from "../clock.ts";
import type { Transaction } from "../database.ts";
import { notify, WORK_CHANNEL } from "../deployments/events-store.ts";
import { messageOf, SlipwayError } from "../errors.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { holdWhileDatabaseIsAway } from "./hold.ts";
import { readBatches, readCheckpoint } from "./journal-store.ts";
import type { EndStatus } from "./rules.ts";
import { decideComplete } from "./rules.ts";
import { insertState, lockAll, lockedBy, lockedState } from "./states-store.ts";
import { PACKED_RATIO, runWork, unpackedBytes } from "./threads/pool.ts";
import type { SealedState } from "./threads/work.ts";
import type { UpdateRow } from "./updates-store.ts";
import { endUpdateRow, lockUpdate, runningUpdatesOfAttempt, UPDATE_CHANNEL } from "./updates-store.ts";
import type { WriteDependencies, Writing } from "./write-state.ts";
import { refusal, targetOf, updateOfToken } from "./write-state.ts";
import { freeWriter, holdsStack, lockWriter } from "./writers-store.ts";

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
  return runWork(
    "replay",
    { base, batches: locked, key, meta },
    unpackedBytes(locked) + (base?.sizeBytes ?? 0),
  );
}
