import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import type { Pause } from "../contract/queue.ts";
import type { Database, Transaction } from "../database.ts";

/** What is paused: everything, one project or one stack. */
export type PauseSubject =
  | { scope: "everything" }
  | { scope: "project"; projectId: string }
  | { scope: "stack"; stackId: string };

/** A pause as it is stored. */
export type StoredPause = Omit<Pause, "mayResume">;

interface Row {
  scope: Pause["scope"];
  organisation: string | null;
  project: string | null;
  stack: string | null;
  reason: string;
  pausedBy: string;
  pausedAt: Date;
}

/** Pauses, or gives a pause that stands a new reason. The caller holds the lock of claims, so that nothing is claimed any more once the transaction is there. */
export async function setPause(
  trx: Transaction,
  subject: PauseSubject,
  by: { reason: string; principal: string },
): Promise<void> {
  await removePause(trx, subject);
  await sql`
    insert into pauses (id, scope, project_id, stack_id, reason, paused_by)
    values (${randomUUID()}, ${subject.scope}, ${subject.scope === "project" ? subject.projectId : null},
      ${subject.scope === "stack" ? subject.stackId : null}, ${by.reason}, ${by.principal})
  `.execute(trx);
}

/** Ends a pause. Answers its reason; undefined when there was none. */
export async function removePause(trx: Transaction, subject: PauseSubject): Promise<string | undefined> {
  const { rows } = await sql<{ reason: string }>`
    delete from pauses where ${isSubject(subject)} returning reason`.execute(trx);
  return rows[0]?.reason;
}

/** One pause; undefined when there is none. */
export async function findPause(db: Database, subject: PauseSubject): Promise<StoredPause | undefined> {
  const { rows } = await sql<Row>`${SELECT} where ${isSubject(subject)}`.execute(db);
  return rows.map(toPause)[0];
}

/** All pauses, the widest first. Those of everything are shown to everybody. */
export async function listPauses(db: Database, within: "all" | readonly string[]): Promise<StoredPause[]> {
  const shown =
    within === "all"
      ? sql`true`
      : sql`(pauses.scope = 'everything' or coalesce(p.organisation, q.organisation) = any(${within}))`;
  const { rows } = await sql<Row>`
    ${SELECT} where ${shown}
    order by array_position(array['everything', 'project', 'stack'], pauses.scope), pauses.paused_at
  `.execute(db);
  return rows.map(toPause);
}

/** The widest pause that covers a stack; undefined when none does. */
export async function pauseOfStack(db: Database, stackId: string): Promise<StoredPause | undefined> {
  const { rows } = await sql<Row>`
    ${SELECT}
    where pauses.scope = 'everything' or pauses.stack_id = ${stackId}
      or pauses.project_id = (select project_id from stacks where id = ${stackId})
    order by array_position(array['everything', 'project', 'stack'], pauses.scope)
    limit 1
  `.execute(db);
  return rows.map(toPause)[0];
}

const SELECT = sql`
  select pauses.scope, coalesce(p.organisation, q.organisation) as organisation, coalesce(p.name, q.name) as project,
    s.name as stack, pauses.reason, pauses.paused_by as "pausedBy", pauses.paused_at as "pausedAt"
  from pauses
  left join projects p on p.id = pauses.project_id
  left join stacks s on s.id = pauses.stack_id left join projects q on q.id = s.project_id`;

function isSubject(subject: PauseSubject) {
  switch (subject.scope) {
    case "everything":
      return sql`pauses.scope = 'everything'`;
    case "project":
      return sql`pauses.project_id = ${subject.projectId}`;
    case "stack":
      return sql`pauses.stack_id = ${subject.stackId}`;
  }
}

function toPause(row: Row): StoredPause {
  return { ...row, pausedAt: row.pausedAt.toISOString() };
}
