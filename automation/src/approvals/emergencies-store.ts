import { sql } from "kysely";
import type { Emergency } from "../contract/approvals.ts";
import type { InstantPlace } from "../database/instant-cursor.ts";
import { isAfter, placeInstant } from "../database/instant-cursor.ts";
import type { Database, Transaction } from "../database.ts";

/** So long after it was asked for an emergency passes the votes by, in hours. */
export const EMERGENCY_HOURS = 1;
/** Others have to review it within so many hours. */
export const REVIEW_HOURS = 72;

/** An emergency as the start of its change needs it. */
export interface StoredEmergency {
  principal: string;
  reason: string;
  incident: string;
  isOver: boolean;
}

/** The emergency of a deployment; undefined when it has none. */
export async function findEmergency(
  db: Database,
  deploymentId: string,
): Promise<StoredEmergency | undefined> {
  const { rows } = await sql<StoredEmergency>`
    select principal, reason, incident, expires_at <= clock_timestamp() as "isOver" from emergencies where deployment_id = ${deploymentId}
  `.execute(db);
  return rows[0];
}

/** Notes that somebody passes the votes of a deployment by. */
export async function insertEmergency(
  trx: Transaction,
  emergency: { deploymentId: string; principal: string; reason: string; incident: string },
): Promise<void> {
  await sql`
    insert into emergencies (deployment_id, principal, reason, incident, expires_at, review_due_at)
    values (${emergency.deploymentId}, ${emergency.principal}, ${emergency.reason}, ${emergency.incident},
      now() + ${EMERGENCY_HOURS} * interval '1 hour', now() + ${REVIEW_HOURS} * interval '1 hour')
  `.execute(trx);
}

/** A deployment whose emergency by this person nobody has reviewed in time; undefined when there is none. */
export async function findOverdue(db: Database, principal: string): Promise<string | undefined> {
  const { rows } = await sql<{ id: string }>`
    select deployment_id as id from emergencies
    where principal = ${principal} and reviewed_at is null and review_due_at <= now() order by review_due_at limit 1
  `.execute(db);
  return rows[0]?.id;
}

/** Records a review. Answers false when there was one. */
export async function recordReview(
  trx: Transaction,
  review: { deploymentId: string; by: string; comment: string },
): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update emergencies set reviewed_at = now(), reviewed_by = ${review.by}, review = ${review.comment}
    where deployment_id = ${review.deploymentId} and reviewed_at is null
  `.execute(trx);
  return numAffectedRows === 1n;
}

/** An emergency with its place in the list. */
export interface ListedEmergency extends Emergency {
  place: InstantPlace;
}

/** Emergencies of organisations that the caller may see, newest first; with `deploymentId`, that one alone. */
export async function listEmergencies(
  db: Database,
  query: {
    within: "all" | readonly string[];
    deploymentId?: string;
    after: InstantPlace | undefined;
    limit: number;
  },
): Promise<ListedEmergency[]> {
  const { within, deploymentId, after, limit } = query;
  const rows = await db
    .selectFrom("emergencies")
    .innerJoin("deployments", "deployments.id", "emergencies.deployment_id")
    .innerJoin("stacks", "stacks.id", "deployments.stack_id")
    .innerJoin("projects", "projects.id", "stacks.project_id")
    .selectAll("emergencies")
    .select(["projects.organisation", "projects.name as project", "stacks.name as stack"])
    .select(
      sql<boolean>`emergencies.reviewed_at is null and emergencies.review_due_at <= now()`.as("overdue"),
    )
    .select(placeInstant("emergencies.requested_at").as("place"))
    .$if(within !== "all", (q) => q.where("projects.organisation", "=", sql<string>`any(${within})`))
    .$if(deploymentId !== undefined, (q) => q.where("emergencies.deployment_id", "=", deploymentId ?? ""))
    .$if(after !== undefined, (q) =>
      q.where(isAfter("emergencies.requested_at", "emergencies.deployment_id", after as InstantPlace)),
    )
    .orderBy("emergencies.requested_at", "desc")
    .orderBy("emergencies.deployment_id", "desc")
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    deploymentId: row.deployment_id,
    organisation: row.organisation,
    project: row.project,
    stack: row.stack,
    principal: row.principal,
    reason: row.reason,
    incident: row.incident,
    requestedAt: row.requested_at.toISOString(),
    reviewDueAt: row.review_due_at.toISOString(),
    reviewedAt: row.reviewed_at?.toISOString() ?? null,
    reviewedBy: row.reviewed_by,
    review: row.review,
    overdue: row.overdue,
    place: [row.place, row.deployment_id],
  }));
}

/** How many emergencies nobody has reviewed, and of how many the time for that is over. */
export async function countUnreviewed(
  db: Database,
  within: "all" | readonly string[],
): Promise<{ unreviewed: number; overdue: number }> {
  const { rows } = await sql<{ unreviewed: number; overdue: number }>`
    select count(*)::integer as unreviewed, (count(*) filter (where e.review_due_at <= now()))::integer as overdue
    from emergencies e join deployments d on d.id = e.deployment_id join stacks s on s.id = d.stack_id join projects p on p.id = s.project_id
    where e.reviewed_at is null and (${within === "all"} or p.organisation = any(${within === "all" ? [] : [...within]}))
  `.execute(db);
  return rows[0] ?? { unreviewed: 0, overdue: 0 };
}
