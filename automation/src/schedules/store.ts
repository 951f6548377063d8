import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { DeploymentOptions } from "../contract/deployments.ts";
import type {
  CreateSchedule,
  MissedSetting,
  Schedule,
  ScheduledOperation,
  ScheduleSlot,
  SlotOutcome,
} from "../contract/schedules.ts";
import type { Database, Transaction } from "../database.ts";
import type { Timing } from "./rules.ts";

/** A slot as its entry names it; with `slots` more than 1 it stands for older ones too. */
export interface SlotRecord {
  slot: Date;
  outcome: SlotOutcome;
  detail: string | null;
  deploymentId: string | null;
  slots: number;
}

/** A schedule with all that decides what is to be done now. */
export interface ScheduleRow extends Timing {
  id: string;
  stackId: string;
  organisation: string;
  project: string;
  stack: string;
  /** Null: the Pulumi CLI made the project. */
  projectFolder: string | null;
  name: string;
  operation: ScheduledOperation;
  options: DeploymentOptions;
  missed: MissedSetting;
  owner: string;
  /** Slots after this instant are still to come. */
  sinceAt: Date;
  nextSlot: Date | null;
  nextAt: Date | null;
  pausedAt: Date | null;
  /** By the database's clock. */
  now: Date;
}

/** By its clock everything here is decided: those of servers may differ, and jump. */
export async function databaseNow(db: Database): Promise<Date> {
  const { rows } = await sql<{ now: Date }>`select clock_timestamp() as now`.execute(db);
  return rows[0]?.now ?? new Date(Number.NaN);
}

/** Adds a schedule. Answers its id, or undefined when the stack has one of that name. */
export async function insertSchedule(
  trx: Transaction,
  schedule: { stackId: string; owner: string; timing: Timing; asked: CreateSchedule; since: Date },
): Promise<string | undefined> {
  const { timing, asked } = schedule;
  const row = await trx
    .insertInto("schedules")
    .values({
      id: randomUUID(),
      stack_id: schedule.stackId,
      name: asked.name,
      operation: asked.operation,
      options: JSON.stringify(asked.options),
      cron: timing.cron,
      once_at: timing.at,
      time_zone: timing.timeZone,
      jitter_seconds: timing.jitterSeconds,
      missed: asked.missed,
      allow_destroy: asked.allowDestroy,
      owner: schedule.owner,
      since_at: schedule.since,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning("id")
    .executeTakeFirst();
  return row?.id;
}

const columns = sql`
  c.id, c.stack_id as "stackId", p.organisation, p.name as project, s.name as stack, p.folder as "projectFolder", c.name, c.operation, c.options,
  c.cron, c.once_at as at, c.time_zone as "timeZone", c.jitter_seconds as "jitterSeconds", c.missed, c.owner, c.since_at as "sinceAt",
  c.next_slot as "nextSlot", c.next_at as "nextAt", c.paused_at as "pausedAt", clock_timestamp() as now`;

async function readRows(
  db: Database,
  where: ReturnType<typeof sql>,
  locking: ReturnType<typeof sql> = sql``,
): Promise<ScheduleRow[]> {
  const { rows } = await sql<Omit<ScheduleRow, "options"> & { options: unknown }>`
    select ${columns}
    from schedules c join stacks s on s.id = c.stack_id join projects p on p.id = s.project_id
    where c.removed_at is null and s.removed_at is null and ${where}
    order by c.next_at, c.id ${locking}
  `.execute(db);
  return rows.map((row) => ({ ...row, options: DeploymentOptions.parse(row.options) }));
}

/** Schedules whose time has come, the longest overdue first. */
export async function dueSchedules(db: Database, limit: number): Promise<ScheduleRow[]> {
  return readRows(db, sql`c.next_at <= clock_timestamp()`, sql`limit ${limit}`);
}

/** Locks a schedule that is still due; undefined when another server has it or has dealt with it. */
export async function lockDue(trx: Transaction, id: string): Promise<ScheduleRow | undefined> {
  const rows = await readRows(
    trx,
    sql`c.id = ${id} and c.next_at <= clock_timestamp()`,
    sql`for update of c skip locked`,
  );
  return rows[0];
}

/** Locks a schedule of a stack by name until the end of the transaction. */
export async function lockSchedule(
  trx: Transaction,
  stackId: string,
  name: string,
): Promise<ScheduleRow | undefined> {
  const rows = await readRows(trx, sql`c.stack_id = ${stackId} and c.name = ${name}`, sql`for update of c`);
  return rows[0];
}

/** Schedules by cron that are waiting for their next slot. */
export async function waitingSchedules(db: Database): Promise<ScheduleRow[]> {
  return readRows(db, sql`c.cron is not null and c.next_at is not null`);
}

/** One schedule by name, for reading. */
export async function findSchedule(
  db: Database,
  stackId: string,
  name: string,
): Promise<ScheduleRow | undefined> {
  const rows = await readRows(db, sql`c.stack_id = ${stackId} and c.name = ${name}`);
  return rows[0];
}

/** Says what is dealt with and what comes next; null: nothing does. */
export async function setNext(
  trx: Transaction,
  id: string,
  sinceAt: Date,
  next: { slot: Date; at: Date } | null,
): Promise<void> {
  await trx
    .updateTable("schedules")
    .set({ since_at: sinceAt, next_slot: next?.slot ?? null, next_at: next?.at ?? null })
    .where("id", "=", id)
    .execute();
}

/** Stops or removes a schedule: nothing comes next. */
export async function stopSchedule(
  trx: Transaction,
  id: string,
  how: "paused" | "removed",
  by: string,
): Promise<void> {
  await trx
    .updateTable("schedules")
    .set({ next_slot: null, next_at: null })
    .$if(how === "paused", (query) => query.set({ paused_at: sql<Date>`now()`, paused_by: by }))
    .$if(how === "removed", (query) => query.set({ removed_at: sql<Date>`now()`, removed_by: by }))
    .where("id", "=", id)
    .execute();
}

/** Ends the pause of a schedule. */
export async function endPause(trx: Transaction, id: string): Promise<void> {
  await trx.updateTable("schedules").set({ paused_at: null, paused_by: null }).where("id", "=", id).execute();
}

/** Which of these slots have an entry already. */
export async function recordedSlots(
  trx: Transaction,
  scheduleId: string,
  slots: readonly Date[],
): Promise<Set<number>> {
  if (slots.length === 0) return new Set();
  const rows = await trx
    .selectFrom("schedule_slots")
    .select("slot")
    .where("schedule_id", "=", scheduleId)
    .where("slot", "in", [...slots])
    .execute();
  return new Set(rows.map(({ slot }) => slot.getTime()));
}

/** Records what became of slots. Each has one entry: a second one is an error of the database. */
export async function recordSlots(
  trx: Transaction,
  scheduleId: string,
  records: readonly SlotRecord[],
): Promise<void> {
  if (records.length === 0) return;
  await trx
    .insertInto("schedule_slots")
    .values(
      records.map(({ slot, outcome, detail, deploymentId, slots }) => ({
        schedule_id: scheduleId,
        slot,
        outcome,
        detail,
        deployment_id: deploymentId,
        slots,
      })),
    )
    .execute();
}

/** The number of the schedule's deployment that has not ended; undefined when there is none. */
export async function openDeployment(db: Database, scheduleId: string): Promise<number | undefined> {
  const row = await db
    .selectFrom("schedule_slots")
    .innerJoin("deployments", "deployments.id", "schedule_slots.deployment_id")
    .select("deployments.number")
    .where("schedule_id", "=", scheduleId)
    .where("deployments.finished_at", "is", null)
    .limit(1)
    .executeTakeFirst();
  return row?.number;
}

interface SlotRow {
  slot: Date;
  outcome: string;
  detail: string | null;
  slots: number;
  deployment_id: string | null;
  number: number | null;
  status: string | null;
  recorded_at: Date;
}

function slotQuery(db: Database) {
  return db
    .selectFrom("schedule_slots as l")
    .leftJoin("deployments as d", "d.id", "l.deployment_id")
    .select(["l.slot", "l.outcome", "l.detail", "l.slots", "l.deployment_id", "l.recorded_at"])
    .select(["d.number", "d.status"])
    .orderBy("l.slot", "desc");
}

/** What became of a schedule's slots, newest first; `before` is the slot of the last one seen. */
export async function listSlots(
  db: Database,
  scheduleId: string,
  { before, limit }: { before?: Date | undefined; limit: number },
): Promise<ScheduleSlot[]> {
  const rows = await slotQuery(db)
    .where("l.schedule_id", "=", scheduleId)
    .$if(before !== undefined, (query) => query.where("l.slot", "<", before ?? new Date(0)))
    .limit(limit)
    .execute();
  return rows.map(toSlot);
}

function toSlot(row: SlotRow): ScheduleSlot {
  const { deployment_id: id, number, status } = row;
  return {
    slot: row.slot.toISOString(),
    outcome: row.outcome as SlotOutcome,
    detail: row.detail,
    slots: row.slots,
    deployment:
      id === null || number === null || status === null
        ? null
        : { id, number, status: status as NonNullable<ScheduleSlot["deployment"]>["status"] },
    recordedAt: row.recorded_at.toISOString(),
  };
}

/** Schedules of a stack as the API shows them, by name; one of them when a name is given. */
export async function listSchedules(db: Database, stackId: string, name?: string): Promise<Schedule[]> {
  const rows = await db
    .selectFrom("schedules as c")
    .innerJoin("stacks as s", "s.id", "c.stack_id")
    .innerJoin("projects as p", "p.id", "s.project_id")
    .selectAll("c")
    .select(["p.organisation", "p.name as project", "s.name as stack"])
    .where("c.stack_id", "=", stackId)
    .where("c.removed_at", "is", null)
    .$if(name !== undefined, (query) => query.where("c.name", "=", name ?? ""))
    .orderBy("c.name")
    .execute();
  const schedules: Schedule[] = [];
  for (const row of rows) {
    const [lastSlot] = await listSlots(db, row.id, { limit: 1 });
    schedules.push({
      id: row.id,
      organisation: row.organisation,
      project: row.project,
      stack: row.stack,
      name: row.name,
      operation: row.operation as ScheduledOperation,
      options: DeploymentOptions.parse(row.options),
      cron: row.cron,
      at: row.once_at?.toISOString() ?? null,
      timeZone: row.time_zone,
      jitterSeconds: row.jitter_seconds,
      missed: row.missed as MissedSetting,
      owner: row.owner,
      createdAt: row.created_at.toISOString(),
      pausedAt: row.paused_at?.toISOString() ?? null,
      pausedBy: row.paused_by,
      nextAt: row.next_at?.toISOString() ?? null,
      lastSlot: lastSlot ?? null,
    });
  }
  return schedules;
}
