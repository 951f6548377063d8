import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import type { Alarm } from "../contract/monitoring.ts";
import type { InstantPlace } from "../database/instant-cursor.ts";
import { isAfter, placeInstant } from "../database/instant-cursor.ts";
import type { Database, Transaction } from "../database.ts";
import type { Finding } from "./detector-store.ts";

/** Keeps a finding unless it is known. Answers the new alarm, or undefined. */
export async function insertAlarm(trx: Transaction, finding: Finding): Promise<Alarm | undefined> {
  const row = await trx
    .insertInto("alarms")
    .values({
      id: randomUUID(),
      kind: finding.kind,
      fingerprint: finding.fingerprint,
      stack_id: finding.stackId,
      detail: finding.detail,
    })
    .onConflict((conflict) => conflict.column("fingerprint").doNothing())
    .returning("id")
    .executeTakeFirst();
  return row === undefined ? undefined : findAlarm(trx, row.id);
}

/** One alarm; undefined when there is none. */
export async function findAlarm(db: Database, id: string): Promise<Alarm | undefined> {
  const row = await alarmQuery(db).where("alarms.id", "=", id).executeTakeFirst();
  return row && alarmOf(row);
}

/** An alarm with its place in the list. */
export interface ListedAlarm extends Alarm {
  place: InstantPlace;
}

/** Alarms, newest first, one more than asked for when there are more. */
export async function listAlarms(
  db: Database,
  query: { open: boolean; after: InstantPlace | undefined; limit: number },
): Promise<ListedAlarm[]> {
  const { open, after, limit } = query;
  const rows = await alarmQuery(db)
    .select(placeInstant("alarms.found_at").as("place"))
    .$if(open, (q) => q.where("alarms.acknowledged_at", "is", null))
    .$if(after !== undefined, (q) => q.where(isAfter("alarms.found_at", "alarms.id", after as InstantPlace)))
    .orderBy("alarms.found_at", "desc")
    .orderBy("alarms.id", "desc")
    .limit(limit + 1)
    .execute();
  return rows.map((row) => ({ ...alarmOf(row), place: [row.place, row.id] }));
}

/** Records that somebody has looked at an alarm. False: somebody had before, or there is none. */
export async function acknowledge(trx: Transaction, id: string, principal: string): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable("alarms")
    .set({ acknowledged_at: sql<Date>`now()`, acknowledged_by: principal })
    .where("id", "=", id)
    .where("acknowledged_at", "is", null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

function alarmQuery(db: Database) {
  return db
    .selectFrom("alarms")
    .innerJoin("stacks", "stacks.id", "alarms.stack_id")
    .innerJoin("projects", "projects.id", "stacks.project_id")
    .selectAll("alarms")
    .select(["projects.organisation", "projects.name as project", "stacks.name as stack"]);
}

type AlarmRow = Awaited<ReturnType<ReturnType<typeof alarmQuery>["executeTakeFirstOrThrow"]>>;

function alarmOf(row: AlarmRow): Alarm {
  return {
    id: row.id,
    kind: row.kind,
    organisation: row.organisation,
    project: row.project,
    stack: row.stack,
    detail: row.detail,
    foundAt: row.found_at.toISOString(),
    acknowledgedAt: row.acknowledged_at?.toISOString() ?? null,
    acknowledgedBy: row.acknowledged_by,
  };
}
