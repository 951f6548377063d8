import { sql } from "kysely";
import { Risk } from "../contract/approvals.ts";
import type { DeploymentStatus } from "../contract/deployments.ts";
import type { Database, Transaction } from "../database.ts";
import type { ApprovalState, Vote } from "./rules.ts";

/** A vote as it is kept. */
export interface StoredVote extends Vote {
  comment: string | null;
  castAt: Date;
}

/** A deployment that has to be approved, with all that is kept of its approval. */
export interface Waiting {
  deploymentId: string;
  stackId: string;
  organisation: string;
  project: string;
  stack: string;
  number: number;
  operation: string;
  message: string | null;
  requestedBy: string;
  status: DeploymentStatus;
  state: ApprovalState;
  seal: string;
  risk: Risk;
  types: readonly string[];
  requestedAt: Date;
  expiresAt: Date;
  decidedAt: Date | null;
  begunBy: string | null;
  /** Why the deployment ended. */
  ending: string | null;
  votes: readonly StoredVote[];
}

interface Row extends Omit<Waiting, "votes" | "risk"> {
  risk: unknown;
}

const COLUMNS = sql`d.id as "deploymentId", d.stack_id as "stackId", p.organisation, p.name as project, s.name as stack, d.number, d.operation,
  d.message, d.requested_by as "requestedBy", d.status, a.state, a.seal, a.risk, a.types, a.requested_at as "requestedAt",
  a.expires_at as "expiresAt", a.decided_at as "decidedAt", a.begun_by as "begunBy", d.failure ->> 'detail' as ending`;
const TABLES = sql`approvals a join deployments d on d.id = a.deployment_id join stacks s on s.id = d.stack_id join projects p on p.id = s.project_id`;

/** What is kept of a deployment's approval; undefined when it never had to be approved. */
export async function findWaiting(db: Database, deploymentId: string): Promise<Waiting | undefined> {
  const { rows } =
    await sql<Row>`select ${COLUMNS} from ${TABLES} where a.deployment_id = ${deploymentId}`.execute(db);
  return (await withVotes(db, rows))[0];
}

/** The same, with deployment and approval locked for the rest of the transaction. */
export async function lockWaiting(trx: Transaction, deploymentId: string): Promise<Waiting | undefined> {
  // One after the other, as everybody does who needs both.
  await lockDeployment(trx, deploymentId);
  await sql`select 1 from approvals where deployment_id = ${deploymentId} for update`.execute(trx);
  return findWaiting(trx, deploymentId);
}

export async function lockDeployment(trx: Transaction, deploymentId: string): Promise<void> {
  await sql`select 1 from deployments where id = ${deploymentId} for update`.execute(trx);
}

/** Place in a list of approvals: oldest first. */
export type ApprovalPlace = [string, string];

/** Approvals that are undecided, of organisations that the caller may see, oldest first; at most `limit`. */
export async function listUndecided(
  db: Database,
  query: { within: "all" | readonly string[]; after: ApprovalPlace | undefined; limit: number },
): Promise<(Waiting & { place: ApprovalPlace })[]> {
  const { within, after, limit } = query;
  const { rows } = await sql<Row & { at: string }>`
    select ${COLUMNS}, to_char(a.requested_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at
    from ${TABLES}
    where a.decided_at is null
      and (${within === "all"} or p.organisation = any(${within === "all" ? [] : [...within]}))
      and (${after?.[0] ?? null}::timestamptz is null
        or (a.requested_at, a.deployment_id) > (${after?.[0] ?? null}::timestamptz, ${after?.[1] ?? null}::uuid))
    order by a.requested_at, a.deployment_id limit ${limit}
  `.execute(db);
  const all = await withVotes(db, rows);
  return all.map((one, index) => ({ ...one, place: [rows[index]?.at ?? "", one.deploymentId] }));
}

async function withVotes<R extends Row>(db: Database, rows: readonly R[]): Promise<Waiting[]> {
  if (rows.length === 0) return [];
  const votes = await db
    .selectFrom("approval_votes")
    .select(["deployment_id", "principal as by", "verdict", "seal", "comment", "cast_at as castAt"])
    .where(
      "deployment_id",
      "in",
      rows.map(({ deploymentId }) => deploymentId),
    )
    .orderBy("cast_at")
    .orderBy("principal")
    .execute();
  return rows.map((row) => ({
    ...row,
    risk: Risk.parse(row.risk),
    votes: votes
      .filter((vote) => vote.deployment_id === row.deploymentId)
      .map(({ deployment_id: _, ...vote }) => vote),
  }));
}

/** The database's clock at this moment, in milliseconds: not of the transaction's start, which may have waited for a lock. */
export async function clockMs(db: Database): Promise<number> {
  const { rows } = await sql<{ now: Date }>`select clock_timestamp() as now`.execute(db);
  return rows[0]?.now.getTime() ?? 0;
}

/** Lets a deployment wait for votes; `lifeMs` from now on they count. */
export async function insertWaiting(
  trx: Transaction,
  waiting: { deploymentId: string; seal: string; risk: Risk; types: readonly string[]; lifeMs: number },
): Promise<void> {
  await sql`
    insert into approvals (deployment_id, state, seal, risk, types, requested_at, expires_at)
    values (${waiting.deploymentId}, 'open', ${waiting.seal}, ${JSON.stringify(waiting.risk)}, ${JSON.stringify(waiting.types)},
      clock_timestamp(), clock_timestamp() + ${waiting.lifeMs} * interval '1 millisecond')
  `.execute(trx);
}

/** Records what became of it. */
export async function saveState(
  trx: Transaction,
  deploymentId: string,
  { state, begunBy }: { state: ApprovalState; begunBy: string | null },
): Promise<void> {
  const isDecided = state !== "open" && state !== "approved";
  await sql`
    update approvals set state = ${state}, begun_by = ${state === "begun" ? begunBy : null},
      decided_at = case when ${isDecided} then coalesce(decided_at, clock_timestamp()) end
    where deployment_id = ${deploymentId}
  `.execute(trx);
}

/** Records what a later preview with the same seal said. */
export async function saveFacts(
  trx: Transaction,
  deploymentId: string,
  { risk, types }: { risk: Risk; types: readonly string[] },
): Promise<void> {
  await trx
    .updateTable("approvals")
    .set({ risk: JSON.stringify(risk), types: JSON.stringify(types) })
    .where("deployment_id", "=", deploymentId)
    .execute();
}

/** Keeps somebody's latest word. */
export async function putVote(
  trx: Transaction,
  vote: Vote & { deploymentId: string; comment: string | null; signInId: string | null },
): Promise<void> {
  const values = { verdict: vote.verdict, seal: vote.seal, comment: vote.comment, sign_in_id: vote.signInId };
  await trx
    .insertInto("approval_votes")
    .values({ deployment_id: vote.deploymentId, principal: vote.by, ...values })
    .onConflict((conflict) =>
      conflict
        .columns(["deployment_id", "principal"])
        .doUpdateSet({ ...values, cast_at: sql<Date>`clock_timestamp()` }),
    )
    .execute();
}

export async function deleteVote(trx: Transaction, deploymentId: string, by: string): Promise<void> {
  await trx
    .deleteFrom("approval_votes")
    .where("deployment_id", "=", deploymentId)
    .where("principal", "=", by)
    .execute();
}

/** Deployments of a stack, other than one, that wait for votes or have them, oldest first. */
export async function othersWaiting(
  trx: Transaction,
  stackId: string,
  except: string | null,
): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select d.id from approvals a join deployments d on d.id = a.deployment_id
    where d.stack_id = ${stackId} and d.id is distinct from ${except}::uuid and a.decided_at is null
    order by d.number
  `.execute(trx);
  return rows.map(({ id }) => id);
}

/** Approvals whose time is over, or half over without a reminder. */
export async function dueApprovals(
  db: Database,
  limit: number,
): Promise<{ deploymentId: string; due: "end" | "reminder" }[]> {
  const { rows } = await sql<{ deploymentId: string; due: "end" | "reminder" }>`
    select deployment_id as "deploymentId", case when expires_at <= now() then 'end' else 'reminder' end as due
    from approvals
    where decided_at is null
      and (expires_at <= now() or (reminded_at is null and state = 'open' and requested_at + (expires_at - requested_at) / 2 <= now()))
    order by expires_at limit ${limit}
  `.execute(db);
  return rows;
}

/** Notes that a reminder was sent; false when another server did. */
export async function markReminded(trx: Transaction, deploymentId: string): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update approvals set reminded_at = now() where deployment_id = ${deploymentId} and reminded_at is null and decided_at is null
  `.execute(trx);
  return numAffectedRows === 1n;
}

/** The digest of what a deployment's first preview was sealed with; undefined before that. */
export async function sealOf(db: Database, deploymentId: string): Promise<string | undefined> {
  const { rows } = await sql<{
    digest: string;
  }>`select digest from seals where deployment_id = ${deploymentId}`.execute(db);
  return rows[0]?.digest;
}
