import { setImmediate as nextTurn, setTimeout as pause } from "node:timers/promises";
import { can } from "../access/rules.ts";
import { findActorOfPrincipal } from "../access/store.ts";
import type { ContentStore } from "../artifacts/content-store.ts";
import { appendAudit } from "../audit/store.ts";
import type { Clock } from "../clock.ts";
import type { Database, Transaction } from "../database.ts";
import { SLIPWAY } from "../deployments/completion.ts";
import { queueDeployment } from "../deployments/request.ts";
import type { RequestedSource } from "../deployments/source.ts";
import { requestedSource } from "../deployments/source.ts";
import type { DiskGuard } from "../disk/guard.ts";
import type { HintSender } from "../dispatch/hints.ts";
import { messageOf, SlipwayError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { enqueueNotification } from "../notifications/outbox-store.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { referStack } from "../stacks/store.ts";
import { dueAt, nextSlot } from "./due.ts";
import { decideDue, slotsAfter } from "./rules.ts";
import type { ScheduleRow, SlotRecord } from "./store.ts";
import * as store from "./store.ts";

const LOOK_EVERY_MS = 1_000;
const BATCH = 20;
/** Time zones change with the program: what was planned by an older one is planned again at the start and this often. */
const REPLAN_EVERY_MS = 3_600_000;
/** Missed slots with an entry each; older ones share one. */
const MISSED_ENTRIES = 50;
const SLOTS_AT_ONCE = 50;

/** What the loop works with. */
export interface RunDueDependencies {
  db: Database;
  keyring: Keyring;
  clock: Clock;
  logger: Pick<Logger, "info" | "warn" | "error">;
  artifacts: ContentStore;
  hints: HintSender;
  projectRoots: readonly string[];
  disk: Pick<DiskGuard, "status">;
  /** Told after each pass that went through. */
  onPass?: () => void;
  /** Shorter in tests. */
  everyMs?: number;
}

/**
 * Queues deployments for schedules whose time has come, by the database's clock, until `signal` aborts. Any number of servers may do it at once. Never rejects; what fails is tried
 * again.
 */
export async function runDueSchedules(deps: RunDueDependencies, signal: AbortSignal): Promise<void> {
  let replannedAt = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    try {
      if (deps.clock.monotonicMs() - replannedAt >= REPLAN_EVERY_MS) {
        await replan(deps);
        replannedAt = deps.clock.monotonicMs();
      }
      await runDueOnce(deps, signal);
      deps.onPass?.();
    } catch (error) {
      deps.logger.error({ error: messageOf(error) }, "schedules could not be looked for");
    }
    // The only rejection is the abort, which the loop looks at.
    await pause(deps.everyMs ?? LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
  }
}

/** Deals with the schedules that are due now. Answers how many this server dealt with. */
export async function runDueOnce(deps: RunDueDependencies, signal: AbortSignal): Promise<number> {
  // What is due stays so, and is late or missed by its own setting once there is space.
  if ((await deps.disk.status()).low) return 0;
  let count = 0;
  for (const due of await store.dueSchedules(deps.db, BATCH)) {
    if (signal.aborted) break;
    try {
      if (await runDue(deps, due)) count += 1;
    } catch (error) {
      // One that cannot be dealt with must not keep the others; it stays due.
      deps.logger.error(
        { schedule: due.id, error: messageOf(error) },
        "a schedule that is due could not be run",
      );
    }
  }
  return count;
}

/** Plans schedules anew whose next slot another version of the time zones has computed. Answers how many moved. */
export async function replan({ db, logger }: Pick<RunDueDependencies, "db" | "logger">): Promise<number> {
  let moved = 0;
  for (const { id, stackId, name } of await store.waitingSchedules(db)) {
    moved += await db.transaction().execute(async (trx) => {
      const schedule = await store.lockSchedule(trx, stackId, name);
      if (schedule?.nextAt == null || schedule.nextSlot === null) return 0;
      const next = nextSlot(id, schedule, schedule.sinceAt);
      if (
        next?.slot.getTime() === schedule.nextSlot.getTime() &&
        next.at.getTime() === schedule.nextAt.getTime()
      )
        return 0;
      await store.setNext(trx, id, schedule.sinceAt, next);
      await auditOf(trx, schedule, "schedule.replanned", {
        from: schedule.nextSlot.toISOString(),
        to: next?.slot.toISOString() ?? null,
      });
      logger.warn({ schedule: id, name }, "the next slot of a schedule has moved: its time zone has changed");
      return 1;
    });
  }
  return moved;
}

/** The source that a slot's deployment runs, or why there is none. */
type Prepared = { kind: "source"; source: RequestedSource | null } | { kind: "failed"; error: SlipwayError };

async function runDue(deps: RunDueDependencies, due: ScheduleRow): Promise<boolean> {
  // Taking a source takes time and no lock; whether it is needed is decided again under the lock.
  const slots = await slotsDue(due);
  const newest = slots.at(-1)?.slot;
  if (newest === undefined) return false;
  const mayRun = decideDue(slots, due.missed, due.now).run !== null;
  const prepared =
    mayRun && (await store.openDeployment(deps.db, due.id)) === undefined
      ? await prepare(deps, due)
      : undefined;
  return deps.db.transaction().execute(async (trx) => {
    const schedule = await store.lockDue(trx, due.id);
    // Another server has dealt with these slots, or somebody paused it meanwhile.
    if (schedule?.sinceAt.getTime() !== due.sinceAt.getTime()) return false;
    const { run, missed } = decideDue(slots, schedule.missed, schedule.now);
    const known = await store.recordedSlots(trx, schedule.id, run === null ? missed : [...missed, run]);
    const isNew = (slot: Date): boolean => !known.has(slot.getTime());
    const records = missedRecords(missed.filter(isNew), schedule);
    if (run !== null && isNew(run)) {
      const record = await runSlot(trx, deps, schedule, run, prepared);
      // The deployment before it ended meanwhile: with the source at hand it is tried again at once.
      if (record === undefined) return false;
      records.push(record);
    }
    await store.recordSlots(trx, schedule.id, records);
    await store.setNext(trx, schedule.id, newest, nextSlot(schedule.id, schedule, newest));
    for (const record of records) await tell(trx, schedule, record);
    deps.logger.info(
      { schedule: schedule.id, name: schedule.name, slots: records.map(({ outcome }) => outcome) },
      "a schedule was due",
    );
    return true;
  });
}

/** The slots of a schedule that are due by the database's clock, oldest first. After an outage of weeks they are thousands: others get their turn meanwhile. */
async function slotsDue(schedule: ScheduleRow): Promise<{ slot: Date; at: Date }[]> {
  const due: { slot: Date; at: Date }[] = [];
  let after = schedule.sinceAt;
  for (;;) {
    const slots = slotsAfter(schedule, after, SLOTS_AT_ONCE);
    for (const slot of slots) {
      const at = dueAt(schedule.id, slot, schedule.jitterSeconds);
      if (at.getTime() > schedule.now.getTime()) return due;
      due.push({ slot, at });
      after = slot;
    }
    if (slots.length < SLOTS_AT_ONCE) return due;
    await nextTurn();
  }
}

/** One entry for each of the newest, and one for all that are older. */
function missedRecords(missed: readonly Date[], { missed: setting }: ScheduleRow): SlotRecord[] {
  const shown = missed.slice(-MISSED_ENTRIES);
  const older = missed.slice(0, -MISSED_ENTRIES);
  const detail =
    setting === "record"
      ? "No server was there in time, and the schedule only records what it missed."
      : "No server was there in time; the newest slot runs in place of all that were missed.";
  const record = (slot: Date, slots: number): SlotRecord => ({
    slot,
    outcome: "missed",
    detail,
    deploymentId: null,
    slots,
  });
  const last = older.at(-1);
  return [
    ...(last === undefined ? [] : [record(last, older.length)]),
    ...shown.map((slot) => record(slot, 1)),
  ];
}

async function prepare(deps: RunDueDependencies, schedule: ScheduleRow): Promise<Prepared> {
  if (schedule.operation === "detect-drift") return { kind: "source", source: null };
  try {
    const stack = { id: schedule.stackId, name: schedule.stack, folder: schedule.projectFolder };
    return { kind: "source", source: await requestedSource(deps, schedule.operation, stack) };
  } catch (error) {
    if (error instanceof SlipwayError) return { kind: "failed", error };
    throw error;
  }
}

/** Queues the deployment of a slot, or says why not; undefined when it could be queued but its source is not at hand. */
async function runSlot(
  trx: Transaction,
  deps: RunDueDependencies,
  schedule: ScheduleRow,
  slot: Date,
  prepared: Prepared | undefined,
): Promise<SlotRecord | undefined> {
  const not = (outcome: "skipped" | "refused" | "failed", detail: string): SlotRecord => ({
    slot,
    outcome,
    detail,
    deploymentId: null,
    slots: 1,
  });
  const { id, stackId, organisation, project, stack, owner } = schedule;
  const actor = await findActorOfPrincipal(trx, owner);
  if (actor === undefined || !can(actor, "stack.deploy", { organisation, stackId })) {
    const why =
      actor === undefined ? "is no longer known here" : `may not deploy in ${organisation} any more`;
    return not("refused", `${owner}, with whose rights the schedule runs, ${why}.`);
  }
  const open = await store.openDeployment(trx, id);
  if (open !== undefined) return not("skipped", `Deployment ${open} of the slot before has not ended.`);
  if (prepared === undefined) return undefined;
  if (prepared.kind === "failed") return not("failed", describe(prepared.error));
  await referStack(trx, { organisation, project, stack }, { lock: true });
  try {
    const deployment = await queueDeployment(trx, deps, {
      stackId,
      name: { organisation, project, stack },
      body: {
        operation: schedule.operation,
        options: schedule.options,
        message: `Schedule ${schedule.name}, slot ${slot.toISOString()}`,
      },
      source: prepared.source,
      caller: { principal: `schedule:${id}`, requestId: null },
    });
    return { slot, outcome: "queued", detail: null, deploymentId: deployment.id, slots: 1 };
  } catch (error) {
    // Refused by a rule, before anything was written. What the database refused has ended the transaction.
    if (error instanceof SlipwayError) return not("failed", describe(error));
    throw error;
  }
}

function describe({ message, remedy }: SlipwayError): string {
  return remedy === undefined ? message : `${message} ${remedy}`;
}

async function tell(trx: Transaction, schedule: ScheduleRow, record: SlotRecord): Promise<void> {
  const slot = record.slot.toISOString();
  await auditOf(trx, schedule, `schedule.${record.outcome}`, {
    slot,
    ...(record.slots === 1 ? {} : { slots: record.slots }),
    ...(record.deploymentId === null ? {} : { deployment: record.deploymentId }),
    ...(record.detail === null ? {} : { reason: record.detail }),
  });
  // A slot that was left out because the one before still runs is seen on its page; nobody needs to act.
  if (record.outcome === "queued" || record.outcome === "skipped") return;
  const { organisation, project, stack, name } = schedule;
  const subject = `${organisation}/${project}/${stack}`;
  await enqueueNotification(trx, {
    organisation,
    kind: "schedule.missed",
    subject,
    body: {
      what: `The schedule ${name} of ${subject} did not run at ${slot}: ${record.outcome}.`,
      who: null,
      why: record.detail,
      nextAction: "Look at the schedule; request the operation by hand if it is still wanted.",
      page: `/stacks/${subject}?tab=schedules`,
    },
    dedupeKey: `${schedule.id} ${slot}`,
  });
}

async function auditOf(
  trx: Transaction,
  { organisation, project, stack, name }: ScheduleRow,
  action: string,
  details: Record<string, unknown>,
): Promise<void> {
  await appendAudit(trx, {
    principal: SLIPWAY,
    action,
    organisation,
    subject: `${organisation}/${project}/${stack}`,
    details: { schedule: name, ...details },
    requestId: null,
  });
}
