import { sql } from "kysely";
import type {
  Deployment,
  DeploymentOperation,
  DeploymentOptions,
  DeploymentStatus,
  DeploymentSummary,
} from "../contract/deployments.ts";
import type { DeploymentEvent } from "../contract/events.ts";
import type { InstantPlace } from "../database/instant-cursor.ts";
import { isAfter, placeInstant } from "../database/instant-cursor.ts";
import type { Database, Transaction } from "../database.ts";
import type { ShownWaiting } from "../dispatch/waiting.ts";
import { readWaiting } from "../dispatch/waiting.ts";
import { findConsent, findHold } from "../rollbacks/store.ts";
import { findAccount } from "./accounts-store.ts";
import type { DeployedContent } from "./contents-store.ts";
import { describeCancel, nextActionOf } from "./continue-rules.ts";
import { isTerminal } from "./rules.ts";

/** A deployment to be queued. */
export interface NewDeployment extends DeployedContent {
  id: string;
  stackId: string;
  operation: DeploymentOperation;
  /** Of the lists of steps; see pipeline/operations.ts. */
  operationVersion: number;
  options: DeploymentOptions;
  message: string | null;
  requestedBy: string;
  targetRelease: number | null;
  /** Id of another stack's release whose source and artifacts it takes. */
  promotedFrom?: string | null;
  steps: readonly string[];
  /** The deployment that it goes on with, and the one that must have succeeded first. */
  continues?: string;
  runsAfter?: string | null;
  /** The failed rollback that whoever asked knows of. */
  acknowledges?: string | null;
  /** The deployment whose seal is what may run. */
  boundTo?: string | null;
}

/** Queues a deployment with its steps under the stack's next number, which it answers. The caller has locked the stack. */
export async function insertDeployment(trx: Transaction, deployment: NewDeployment): Promise<number> {
  const { number } = await trx
    .updateTable("stacks")
    .set({ next_deployment: sql`next_deployment + 1` })
    .where("id", "=", deployment.stackId)
    .returning(sql<number>`next_deployment - 1`.as("number"))
    .executeTakeFirstOrThrow();
  await trx
    .insertInto("deployments")
    .values({
      id: deployment.id,
      stack_id: deployment.stackId,
      number,
      operation: deployment.operation,
      operation_version: deployment.operationVersion,
      options: JSON.stringify(deployment.options),
      message: deployment.message,
      requested_by: deployment.requestedBy,
      target_release: deployment.targetRelease,
      promoted_from: deployment.promotedFrom ?? null,
      source_digest: deployment.sourceDigest,
      lockfile_digest: deployment.lockfileDigest,
      git_commit: deployment.commit,
      git_dirty: deployment.dirty,
      config: JSON.stringify(deployment.config),
      config_digest: deployment.configDigest,
      continues: deployment.continues ?? null,
      runs_after: deployment.runsAfter ?? null,
      acknowledges: deployment.acknowledges ?? null,
      bound_to: deployment.boundTo ?? null,
      // Of two in one transaction the second is the younger one, in lists too.
      requested_at: sql<Date>`clock_timestamp()`,
    })
    .execute();
  const steps = deployment.steps.map((name, position) => ({ deployment_id: deployment.id, position, name }));
  if (steps.length > 0) await trx.insertInto("deployment_steps").values(steps).execute();
  return number;
}

/** Puts a deployment's attempts into the trace of the request that asked for it. */
export async function recordTraceParent(trx: Transaction, id: string, traceParent: string): Promise<void> {
  await trx.updateTable("deployments").set({ trace_parent: traceParent }).where("id", "=", id).execute();
}

/** The trace that a deployment's attempts belong to; null: none. */
export async function readTraceParent(db: Database, id: string): Promise<string | null> {
  const row = await db
    .selectFrom("deployments")
    .select("trace_parent")
    .where("id", "=", id)
    .executeTakeFirst();
  return row?.trace_parent ?? null;
}

/** One deployment with its steps and gates. */
export async function findDeployment(db: Database, id: string): Promise<Deployment | undefined> {
  const row = await deploymentQuery(db).where("deployments.id", "=", id).executeTakeFirst();
  if (row === undefined) return undefined;
  const steps = await db
    .selectFrom("deployment_steps")
    .select(["name", "state", "started_at", "finished_at", "detail"])
    .where("deployment_id", "=", id)
    .orderBy("position")
    .execute();
  const gates = await db
    .selectFrom("gate_results")
    .select(["name", "phase", "required", "verdict", "detail", "measured_at", "dry_run", "unhealthy_before"])
    .where("deployment_id", "=", id)
    .orderBy("measured_at")
    .execute();
  const account = await findAccount(db, id);
  const waiting = row.status === "queued" ? await readWaiting(db, [row.stack_id]) : undefined;
  const summary = toSummary(row, waiting?.get(row.id));
  const { pendingCreates: _, ...counts } = account ?? { pendingCreates: [] };
  return {
    ...summary,
    cancellation:
      row.cancel_requested_at === null
        ? null
        : {
            requestedAt: row.cancel_requested_at.toISOString(),
            requestedBy: row.cancelled_by,
            detail: describeCancel({ status: summary.status, isHeld: await isHeld(db, id) }),
          },
    resources: account === undefined ? null : (counts as Deployment["resources"]),
    nextAction: isTerminal(summary.status)
      ? nextActionOf({ ...summary, account, isSuperseded: await supersededBy(db, row) })
      : null,
    binding: row.binding,
    moved: row.moved,
    hold: await findHold(db, id),
    consent: await findConsent(db, id),
    steps: steps.map((step) => ({
      name: step.name,
      state: step.state as Deployment["steps"][number]["state"],
      startedAt: step.started_at?.toISOString() ?? null,
      finishedAt: step.finished_at?.toISOString() ?? null,
      detail: step.detail,
    })),
    gates: gates.map(({ measured_at, dry_run, unhealthy_before, ...gate }) => ({
      ...(gate as Omit<Deployment["gates"][number], "measuredAt">),
      measuredAt: measured_at.toISOString(),
      ...(dry_run ? { dryRun: true } : {}),
      ...(unhealthy_before ? { unhealthyBefore: true } : {}),
    })),
  };
}

/** Whether an attempt holds the stack for a deployment, by the database's clock. */
async function isHeld(db: Database, deploymentId: string): Promise<boolean> {
  const { rows } = await sql`
    select 1 from attempts a join stack_writers w on w.holder = a.id and w.epoch = a.epoch
    where a.deployment_id = ${deploymentId} and a.status in ('claimed', 'running') and w.expires_at > now()
  `.execute(db);
  return rows.length > 0;
}

/** What has changed the stack since a deployment, or is about to: a later one, or a run of the Pulumi CLI. A refresh alone finishes nothing. */
async function supersededBy(
  db: Database,
  {
    id,
    stack_id,
    number,
    finished_at,
  }: { id: string; stack_id: string; number: number; finished_at: Date | null },
): Promise<"running" | "done" | null> {
  const { rows } = await sql<{ kind: "running" | "done" }>`
    select case when d.finished_at is null then 'running' else 'done' end as kind
    from deployments d
    where d.stack_id = ${stack_id} and d.number > ${number} and d.id <> ${id}
      and ((d.finished_at is null and d.operation in ('update', 'refresh', 'destroy', 'rollback', 'remediate-drift'))
        or exists (select 1 from deployment_accounts a where a.deployment_id = d.id and d.operation <> 'refresh')
        or (d.status in ('succeeded', 'rolled_back') and d.operation in ('update', 'destroy', 'rollback', 'remediate-drift')))
    union all
    select 'done' from updates u
    where u.stack_id = ${stack_id} and u.deployment_id is null and not u.dry_run and u.kind in ('update', 'destroy', 'import')
      and u.finished_at > ${finished_at}
    order by kind desc limit 1
  `.execute(db);
  return rows[0]?.kind ?? null;
}

/** A deployment with its place in the list. */
export interface ListedDeployment extends DeploymentSummary {
  place: InstantPlace;
}

/** Deployments, newest first, one more than asked for when there are more. */
export async function listDeployments(
  db: Database,
  query: {
    stackId?: string | undefined;
    /** Organisations whose deployments the caller may see. */
    within: "all" | readonly string[];
    status?: string | undefined;
    operation?: string | undefined;
    after: InstantPlace | undefined;
    limit: number;
  },
): Promise<ListedDeployment[]> {
  const { stackId, within, status, operation, after, limit } = query;
  const rows = await deploymentQuery(db)
    .select(placeInstant("deployments.requested_at").as("place"))
    .$if(stackId !== undefined, (q) => q.where("deployments.stack_id", "=", stackId ?? ""))
    .$if(within !== "all", (q) => q.where("projects.organisation", "=", sql<string>`any(${within})`))
    .$if(status !== undefined, (q) => q.where("deployments.status", "=", status ?? ""))
    .$if(operation !== undefined, (q) => q.where("deployments.operation", "=", operation ?? ""))
    .$if(after !== undefined, (q) =>
      q.where(isAfter("deployments.requested_at", "deployments.id", after as InstantPlace)),
    )
    .orderBy("deployments.requested_at", "desc")
    .orderBy("deployments.id", "desc")
    .limit(limit + 1)
    .execute();
  const summaries = await toSummaries(db, rows);
  return rows.flatMap((row, index) => {
    const summary = summaries[index];
    return summary === undefined ? [] : [{ ...summary, place: [row.place, row.id] as InstantPlace }];
  });
}

/** Deployments by their ids, in no order. */
export async function listSummaries(db: Database, ids: readonly string[]): Promise<DeploymentSummary[]> {
  const rows = await deploymentQuery(db).where("deployments.id", "in", ids).execute();
  return toSummaries(db, rows);
}

/** Status of a deployment; undefined when there is none. */
export async function readStatus(db: Database, id: string): Promise<DeploymentStatus | undefined> {
  const row = await db.selectFrom("deployments").select("status").where("id", "=", id).executeTakeFirst();
  return row?.status as DeploymentStatus | undefined;
}

/** Events of a deployment after a sequence number, in order. */
export async function readEvents(
  db: Database,
  id: string,
  { after, limit }: { after: number; limit: number },
): Promise<DeploymentEvent[]> {
  const rows = await db
    .selectFrom("deployment_events")
    .select(["sequence", "at", "attempt", "body"])
    .where("deployment_id", "=", id)
    .where("sequence", ">", after)
    .orderBy("sequence")
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    sequence: row.sequence,
    at: row.at.toISOString(),
    attempt: row.attempt,
    body: row.body as DeploymentEvent["body"],
  }));
}

function deploymentQuery(db: Database) {
  return db
    .selectFrom("deployments")
    .innerJoin("stacks", "stacks.id", "deployments.stack_id")
    .innerJoin("projects", "projects.id", "stacks.project_id")
    .leftJoin("releases", "releases.deployment_id", "deployments.id")
    .selectAll("deployments")
    .select(["projects.organisation", "projects.name as project", "stacks.name as stack"])
    .select("releases.number as release")
    .select(
      sql<Deployment["promotedFrom"]>`(select jsonb_build_object('stack', s.name, 'release', r.number)
        from releases r join stacks s on s.id = r.stack_id where r.id = deployments.promoted_from)`.as(
        "promotedFrom",
      ),
    )
    .select((eb) => [
      eb
        .selectFrom("attempts")
        .select(sql<number>`count(*)`.as("count"))
        .whereRef("attempts.deployment_id", "=", "deployments.id")
        .$asScalar()
        .$notNull()
        .as("attempts"),
    ]);
}

type DeploymentRow = Awaited<ReturnType<ReturnType<typeof deploymentQuery>["executeTakeFirstOrThrow"]>>;

/** With where the queued ones of them stand, which takes one more query when there are any. */
async function toSummaries(db: Database, rows: readonly DeploymentRow[]): Promise<DeploymentSummary[]> {
  const queued = rows.filter(({ status }) => status === "queued").map((row) => row.stack_id);
  const waiting = await readWaiting(db, queued);
  return rows.map((row) => toSummary(row, waiting.get(row.id)));
}

function toSummary(row: DeploymentRow, waiting: ShownWaiting | undefined): DeploymentSummary {
  return {
    id: row.id,
    organisation: row.organisation,
    project: row.project,
    stack: row.stack,
    number: row.number,
    operation: row.operation as DeploymentOperation,
    status: row.status as DeploymentStatus,
    options: row.options as DeploymentOptions,
    message: row.message,
    requestedBy: row.requested_by,
    cause: row.cause as DeploymentSummary["cause"],
    causedBy: row.caused_by,
    rolledBackBy: row.rolled_back_by,
    targetRelease: row.target_release,
    promotedFrom: row.promotedFrom,
    release: row.release,
    verification: row.verification as DeploymentSummary["verification"],
    sourceDigest: row.source_digest,
    requestedAt: row.requested_at.toISOString(),
    startedAt: row.started_at?.toISOString() ?? null,
    finishedAt: row.finished_at?.toISOString() ?? null,
    changes: row.changes,
    // One that was claimed between the two queries shows as queued a last time.
    queuePosition: row.status === "queued" ? (waiting?.queuePosition ?? 0) : null,
    waiting: waiting?.waiting ?? null,
    failure: row.failure,
    attempts: row.attempts,
    continues: row.continues,
    runsAfter: row.runs_after,
  };
}
