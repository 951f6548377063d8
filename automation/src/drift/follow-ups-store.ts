import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import type { Database, Transaction } from "../database.ts";
import { BIRTH_WITHIN_MS, SECOND_READ_AFTER_MS } from "./rules.ts";

/** A check that was given up because the stack was written to all the time is tried again after so long: sooner than any schedule that is worth one. */
const RETRY_AFTER_MS = 900_000;

export type FollowUpKind = "birth" | "second-read" | "retry";

/** Plans a second read of what was not found. One that waits already looks at all of it. */
export async function planSecondRead(trx: Transaction, stackId: string): Promise<void> {
  await plan(trx, stackId, "second-read", SECOND_READ_AFTER_MS);
}

/** Plans to try again what could not be done on a busy stack. */
export async function planRetry(trx: Transaction, stackId: string): Promise<void> {
  await plan(trx, stackId, "retry", RETRY_AFTER_MS);
}

async function plan(
  trx: Transaction,
  stackId: string,
  kind: Exclude<FollowUpKind, "birth">,
  afterMs: number,
): Promise<void> {
  await sql`
    insert into drift_follow_ups (id, stack_id, kind, due_at)
    values (${randomUUID()}, ${stackId}, ${kind}, now() + ${afterMs} * interval '1 millisecond')
    on conflict (stack_id, kind) where deployment_id is null and dropped_at is null and kind <> 'birth' do nothing
  `.execute(trx);
}

/** Drops what waits and is needed no more: a check of the whole stack was made meanwhile. */
export async function dropRetry(trx: Transaction, stackId: string): Promise<void> {
  await sql`
    update drift_follow_ups set dropped_at = now()
    where stack_id = ${stackId} and kind = 'retry' and deployment_id is null and dropped_at is null`.execute(
    trx,
  );
}

/**
 * Plans a birth check for each state that a complete operation has just left on a stack that is watched: one with a schedule that checks it, or with open alerts. Answers how many.
 * A state that somebody has written over, or that is older than such a check counts for, gets none.
 */
export async function planBirths(db: Database): Promise<number> {
  const { numAffectedRows } = await sql`
    insert into drift_follow_ups (id, stack_id, kind, state_number, due_at)
    select gen_random_uuid(), s.stack_id, 'birth', s.number, now()
    from states s
    join updates u on u.id = s.update_id and u.status = 'succeeded' and u.kind in ('update', 'refresh')
    join stacks k on k.id = s.stack_id and k.removed_at is null
    where s.created_at > now() - ${BIRTH_WITHIN_MS} * interval '1 millisecond' and s.resource_count > 0
      and not exists (select 1 from states later where later.stack_id = s.stack_id and later.number > s.number)
      and (exists (select 1 from schedules c where c.stack_id = s.stack_id and c.operation = 'detect-drift' and c.next_at is not null)
        or exists (select 1 from drift_alerts a where a.stack_id = s.stack_id and a.closed_at is null))
      and not exists (select 1 from drift_follow_ups f where f.stack_id = s.stack_id and f.kind = 'birth' and f.state_number = s.number)
    on conflict do nothing
  `.execute(db);
  return Number(numAffectedRows ?? 0n);
}

/** A check whose time has come. */
export interface DueFollowUp {
  id: string;
  kind: FollowUpKind;
  stackId: string;
  organisation: string;
  project: string;
  stack: string;
}

/** Takes one follow-up that is due for the rest of the transaction; one that another server is at is left out. */
export async function lockDue(trx: Transaction): Promise<DueFollowUp | undefined> {
  const { rows } = await sql<DueFollowUp>`
    select f.id, f.kind, f.stack_id as "stackId", p.organisation, p.name as project, s.name as stack
    from drift_follow_ups f join stacks s on s.id = f.stack_id join projects p on p.id = s.project_id
    where f.deployment_id is null and f.dropped_at is null and f.due_at <= now()
    order by f.due_at, f.id limit 1 for update of f skip locked`.execute(trx);
  return rows[0];
}

/** Records what became of a follow-up; null: it is not made. */
export async function settleFollowUp(
  trx: Transaction,
  id: string,
  deploymentId: string | null,
): Promise<void> {
  await sql`
    update drift_follow_ups set deployment_id = ${deploymentId}, dropped_at = case when ${deploymentId}::uuid is null then now() end
    where id = ${id}`.execute(trx);
}

/** What a second read of a stack looks at; empty when all was found meanwhile. */
export async function missingUrns(trx: Transaction, stackId: string, most: number): Promise<string[]> {
  const { rows } = await sql<{ urn: string }>`
    select urn from drift_missing where stack_id = ${stackId} order by first_at, urn limit ${most}`.execute(
    trx,
  );
  return rows.map(({ urn }) => urn);
}

/** A stack whose check has waited for a day, and none was made meanwhile. */
export interface StarvedStack {
  stackId: string;
  checkId: string;
  organisation: string;
  subject: string;
}

/** A check `d` whose turn has not come for a day, on a stack of which nothing has become known in that time. */
const IS_OVERDUE = sql`
  d.operation = 'detect-drift' and d.status = 'queued' and d.requested_at <= now() - interval '1 day'
  and not exists (select 1 from drift_checks c where c.stack_id = d.stack_id and c.status <> 'unknown' and c.checked_at > now() - interval '1 day')`;

/** The oldest check of a stack that is overdue; undefined when none is. */
export async function findOverdue(
  db: Database,
  stackId: string,
): Promise<{ deploymentId: string; since: Date } | undefined> {
  const { rows } = await sql<{ deploymentId: string; since: Date }>`
    select d.id as "deploymentId", d.requested_at as since from deployments d
    where d.stack_id = ${stackId} and ${IS_OVERDUE} order by d.requested_at limit 1`.execute(db);
  return rows[0];
}

/** Stacks that are so busy that no check gets its turn, and of which nobody was told yet. What is paused waits because somebody wants it to. */
export async function lockStarved(trx: Transaction): Promise<StarvedStack[]> {
  const { rows } = await sql<StarvedStack>`
    select d.id as "checkId", d.stack_id as "stackId", p.organisation, concat_ws('/', p.organisation, p.name, s.name) as subject
    from deployments d join stacks s on s.id = d.stack_id join projects p on p.id = s.project_id
    where ${IS_OVERDUE} and s.removed_at is null
      and not exists (select 1 from drift_alerts a where a.stack_id = d.stack_id and a.kind = 'cannot-check' and a.closed_at is null)
      and not exists (select 1 from pauses u where u.scope = 'everything' or u.project_id = p.id or u.stack_id = s.id)
    order by d.requested_at for update of d skip locked`.execute(trx);
  return rows;
}

/** An alert that people were last told of a week ago. */
export interface DueReminder {
  id: string;
  kind: "gone" | "input-changed" | "cannot-check" | "many-gone";
  summary: string;
  reminders: number;
  openDays: number;
  stackId: string;
  organisation: string;
  subject: string;
}

/** Takes the alerts whose weekly reminder is due, counts it, and answers them. */
export async function takeReminders(trx: Transaction, most: number): Promise<DueReminder[]> {
  const { rows } = await sql<DueReminder>`
    with due as (
      select a.id from drift_alerts a join stacks s on s.id = a.stack_id
      where a.closed_at is null and a.told_at <= now() - interval '7 days' and s.removed_at is null
      order by a.told_at limit ${most} for update of a skip locked
    )
    update drift_alerts a set told_at = now(), reminders = a.reminders + 1
    from due, stacks s join projects p on p.id = s.project_id
    where a.id = due.id and s.id = a.stack_id
    returning a.id, a.kind, a.summary, a.reminders, floor(extract(epoch from now() - a.opened_at) / 86400)::integer as "openDays",
      a.stack_id as "stackId", p.organisation, concat_ws('/', p.organisation, p.name, s.name) as subject`.execute(
    trx,
  );
  return rows;
}
