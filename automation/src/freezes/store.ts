import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import type { Database, Transaction } from "../database.ts";
import type { FreezeTimes, Window } from "./rules.ts";
import { frozenBy } from "./rules.ts";

/** What a freeze covers; with neither project nor stack the whole organisation. */
export interface FreezeScope {
  organisation: string;
  projectId: string | null;
  stackId: string | null;
}

/** A freeze that nobody has ended. */
export interface FreezeRow {
  id: string;
  organisation: string;
  project: string | null;
  stack: string | null;
  reason: string;
  times: FreezeTimes;
  setAt: Date;
  setBy: string;
}

interface Row extends Omit<FreezeRow, "times"> {
  startsAt: Date | null;
  endsAt: Date | null;
  cron: string | null;
  durationMinutes: number | null;
  timeZone: string;
}

/** By its clock windows begin and end: those of servers and workers may differ, and jump. */
export async function databaseNow(db: Database): Promise<Date> {
  const { rows } = await sql<{ now: Date }>`select clock_timestamp() as now`.execute(db);
  return rows[0]?.now ?? new Date(Number.NaN);
}

/** Sets a freeze. Answers its id. */
export async function insertFreeze(
  trx: Transaction,
  freeze: FreezeScope & { times: FreezeTimes; reason: string; setBy: string },
): Promise<string> {
  const id = randomUUID();
  const { times } = freeze;
  await trx
    .insertInto("freezes")
    .values({
      id,
      organisation: freeze.organisation,
      project_id: freeze.stackId === null ? freeze.projectId : null,
      stack_id: freeze.stackId,
      reason: freeze.reason,
      starts_at: times.cron === null ? times.startsAt : null,
      ends_at: times.cron === null ? times.endsAt : null,
      cron: times.cron,
      duration_minutes: times.cron === null ? null : times.durationMinutes,
      time_zone: times.timeZone,
      set_by: freeze.setBy,
    })
    .execute();
  return id;
}

/** Ends a freeze. Answers what it was, or undefined when there is no such one. */
export async function endFreeze(
  trx: Transaction,
  organisation: string,
  id: string,
  principal: string,
): Promise<FreezeRow | undefined> {
  const [freeze] = await readRows(trx, sql`f.organisation = ${organisation} and f.id = ${id}`);
  if (freeze === undefined) return undefined;
  await trx
    .updateTable("freezes")
    .set({ removed_at: sql<Date>`now()`, removed_by: principal })
    .where("id", "=", id)
    .where("removed_at", "is", null)
    .execute();
  return freeze;
}

/** Freezes of an organisation that are not over, those set last first. */
export function listFreezes(db: Database, organisation: string): Promise<FreezeRow[]> {
  return readRows(db, sql`f.organisation = ${organisation}`);
}

/** Freezes that cover a stack and are not over. */
export function freezesOfStack(db: Database, stackId: string): Promise<FreezeRow[]> {
  return readRows(
    db,
    sql`f.organisation = (select p.organisation from stacks x join projects p on p.id = x.project_id where x.id = ${stackId})
      and (f.stack_id = ${stackId} or f.project_id = (select project_id from stacks where id = ${stackId})
        or (f.project_id is null and f.stack_id is null))`,
  );
}

/**
 * The freeze in whose window a stack is, and that window; undefined: it may be changed. `now` is by the database's clock, and is asked for when it is left out.
 */
export async function frozenNow(
  db: Database,
  stackId: string,
  now?: Date,
): Promise<{ freeze: FreezeRow; window: Window } | undefined> {
  const freezes = await freezesOfStack(db, stackId);
  return freezes.length === 0 ? undefined : frozenBy(freezes, now ?? (await databaseNow(db)));
}

/** Whether a deployment is an automatic rollback, or an emergency that somebody answers for and that has not lapsed. Neither is held up by a freeze. */
export async function passesFreezes(
  db: Database,
  deploymentId: string,
): Promise<{ automaticRollback: boolean; emergency: boolean }> {
  const { rows } = await sql<{ automaticRollback: boolean; emergency: boolean }>`
    select d.cause = 'automatic-rollback' as "automaticRollback",
      exists (select from emergencies e where e.deployment_id = d.id and e.expires_at > clock_timestamp()) as emergency
    from deployments d where d.id = ${deploymentId}`.execute(db);
  return rows[0] ?? { automaticRollback: false, emergency: false };
}

async function readRows(db: Database, where: ReturnType<typeof sql>): Promise<FreezeRow[]> {
  const { rows } = await sql<Row>`
    select f.id, f.organisation, p.name as project, s.name as stack, f.reason, f.starts_at as "startsAt", f.ends_at as "endsAt", f.cron,
      f.duration_minutes as "durationMinutes", f.time_zone as "timeZone", f.set_at as "setAt", f.set_by as "setBy"
    from freezes f
    left join stacks s on s.id = f.stack_id
    left join projects p on p.id = coalesce(f.project_id, s.project_id)
    where f.removed_at is null and (f.ends_at is null or f.ends_at > clock_timestamp()) and ${where}
    order by f.set_at desc, f.id`.execute(db);
  return rows.map(({ startsAt, endsAt, cron, durationMinutes, timeZone, ...freeze }) => ({
    ...freeze,
    times:
      cron !== null && durationMinutes !== null
        ? { cron, durationMinutes, timeZone }
        : { cron: null, startsAt: startsAt ?? new Date(0), endsAt: endsAt ?? new Date(0), timeZone },
  }));
}
