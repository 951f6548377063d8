import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { appendAudit } from "../audit/store.ts";
import type { DriftCheck, DriftedResource } from "../contract/drift.ts";
import type { InstantPlace } from "../database/instant-cursor.ts";
import { placeInstant } from "../database/instant-cursor.ts";
import type { Database, Transaction } from "../database.ts";
import { enqueueNotification } from "../notifications/outbox-store.ts";
import { countDrift, sentenceOf } from "./rules.ts";

/** Kept of one check; a stack that is gone as a whole needs no list of thousands. */
const MOST_RESOURCES = 500;
const LONGEST_CAUSE = 2_000;

/** What a check that could be made has found. */
export interface NewDriftCheck {
  deploymentId: string;
  stackId: string;
  organisation: string;
  /** organisation/project/stack */
  subject: string;
  /** Who made the check, for the audit log. */
  principal: string;
  /** 0: the stack has no state. */
  stateNumber: number;
  release: number | null;
  resources: readonly DriftedResource[];
}

/** Records what a check found, with its audit entry and, for drift, its message. A second record of the same deployment changes nothing. */
export async function recordDriftCheck(trx: Transaction, check: NewDriftCheck): Promise<void> {
  const counts = countDrift(check.resources);
  const { status } = counts;
  const { numAffectedRows } = await sql`
    insert into drift_checks (id, stack_id, deployment_id, status, state_number, release_number, gone, input_changed, output_only, resources)
    values (${randomUUID()}, ${check.stackId}, ${check.deploymentId}, ${status}, nullif(${check.stateNumber}::integer, 0), ${check.release},
      ${counts.gone}, ${counts.inputChanged}, ${counts.outputOnly}, ${JSON.stringify(check.resources.slice(0, MOST_RESOURCES))})
    on conflict (deployment_id) do nothing
  `.execute(trx);
  if (numAffectedRows !== 1n) return;
  const { organisation, subject, principal, deploymentId } = check;
  await appendAudit(trx, {
    principal,
    action: "drift.checked",
    organisation,
    subject,
    details: { deployment: deploymentId, ...counts },
    requestId: null,
  });
  if (status !== "drifted") return;
  await enqueueNotification(trx, {
    organisation,
    kind: "drift.found",
    subject,
    body: {
      what: `${subject} has drifted: ${sentenceOf(counts)}.`,
      who: null,
      why: null,
      nextAction:
        "Look at the resources; deploy the release again to undo the drift, or change the program to keep it.",
      page: `/stacks/${subject}?tab=drift`,
    },
    dedupeKey: deploymentId,
  });
}

/** Records that the drift check of a deployment that ends now could not be made; nothing when the deployment is none. */
export async function recordUnchecked(trx: Transaction, deploymentId: string, cause: string): Promise<void> {
  const { rows } = await sql<{ organisation: string; subject: string }>`
    with unchecked as (
      insert into drift_checks (id, stack_id, deployment_id, status, cause, state_number, release_number)
      select ${randomUUID()}, d.stack_id, d.id, 'unknown', ${cause.slice(0, LONGEST_CAUSE)},
        (select nullif(l.state_number, 0) from attempt_looks l where l.stack_id = d.stack_id), d.target_release
      from deployments d where d.id = ${deploymentId} and d.operation = 'detect-drift'
      on conflict (deployment_id) do nothing
      returning stack_id
    )
    select p.organisation, concat_ws('/', p.organisation, p.name, s.name) as subject
    from unchecked u join stacks s on s.id = u.stack_id join projects p on p.id = s.project_id
  `.execute(trx);
  const [stack] = rows;
  if (stack === undefined) return;
  await enqueueNotification(trx, {
    ...stack,
    kind: "drift.failed",
    body: {
      what: `Whether ${stack.subject} has drifted could not be found out.`,
      who: null,
      why: cause,
      nextAction: "Correct what the reason names; the next check is made as planned.",
      page: `/stacks/${stack.subject}?tab=drift`,
    },
    dedupeKey: deploymentId,
  });
}

/** A check with its place in the list. */
export interface ListedDriftCheck extends DriftCheck {
  place: InstantPlace;
}

/** Checks of a stack, newest first; with `known` only those that could be made. */
export async function listDriftChecks(
  db: Database,
  stackId: string,
  { after, limit, known = false }: { after?: InstantPlace | undefined; limit: number; known?: boolean },
): Promise<ListedDriftCheck[]> {
  const rows = await db
    .selectFrom("drift_checks as c")
    .leftJoin("schedule_slots as l", "l.deployment_id", "c.deployment_id")
    .leftJoin("schedules as s", "s.id", "l.schedule_id")
    .selectAll("c")
    .select("s.name as schedule")
    .select(placeInstant("c.checked_at").as("place"))
    .where("c.stack_id", "=", stackId)
    .$if(known, (query) => query.where("c.status", "<>", "unknown"))
    .$if(after !== undefined, (query) =>
      query.where(
        sql<boolean>`(c.checked_at, c.id) < (${after?.[0]}::timestamp at time zone 'UTC', ${after?.[1]}::uuid)`,
      ),
    )
    .orderBy("c.checked_at", "desc")
    .orderBy("c.id", "desc")
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    id: row.id,
    deploymentId: row.deployment_id,
    schedule: row.schedule,
    status: row.status as DriftCheck["status"],
    cause: row.cause,
    checkedAt: row.checked_at.toISOString(),
    state: row.state_number,
    release: row.release_number,
    gone: row.gone,
    inputChanged: row.input_changed,
    outputOnly: row.output_only,
    resources: row.resources as DriftedResource[],
    place: [row.place, row.id],
  }));
}

/** The schedule that checks a stack for drift next, by the database's plan; undefined when none does. */
export async function nextDriftCheck(
  db: Database,
  stackId: string,
): Promise<{ schedule: string; at: string } | undefined> {
  const row = await db
    .selectFrom("schedules")
    .select(["name", "next_at"])
    .where("stack_id", "=", stackId)
    .where("operation", "=", "detect-drift")
    .where("next_at", "is not", null)
    .orderBy("next_at")
    .limit(1)
    .executeTakeFirst();
  return row?.next_at == null ? undefined : { schedule: row.name, at: row.next_at.toISOString() };
}
