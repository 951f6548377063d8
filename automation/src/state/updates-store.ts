import type { RawBuilder } from "kysely";
import { sql } from "kysely";
import type { UpdateKind, UpdateStatus } from "../contract/updates.ts";
import type { Database, Transaction } from "../database.ts";
import { DEPLOYMENT_CHANNEL } from "../deployments/events-store.ts";
import type { EndStatus } from "./rules.ts";

/** Told on this channel, with the update's id: it has new events, or its status moved. A deployment's is the same, so that a server listens once. */
export const UPDATE_CHANNEL = DEPLOYMENT_CHANNEL;

/** An update as whoever moves it needs it. */
export interface UpdateRow {
  id: string;
  stackId: string;
  organisation: string;
  project: string;
  stack: string;
  kind: UpdateKind;
  dryRun: boolean;
  status: UpdateStatus;
  number: number | null;
  attemptId: string | null;
  deploymentId: string | null;
  epoch: number | null;
  principal: string;
  message: string | null;
  claimed: Record<string, string>;
  client: string | null;
  address: string | null;
  tokenHash: Buffer | null;
  journalVersion: number;
  baseState: string | null;
  drainUntil: Date | null;
  cancelledBy: string | null;
  /** Its stack or project is gone. */
  isRemoved: boolean;
}

/** What the client says when it creates an update. */
export interface NewUpdate {
  id: string;
  stackId: string;
  kind: UpdateKind;
  dryRun: boolean;
  attemptId: string | null;
  deploymentId: string | null;
  principal: string;
  message: string | null;
  claimed: Readonly<Record<string, string>>;
  client: string | null;
  address: string | null;
  options: Readonly<Record<string, unknown>>;
  config: Readonly<Record<string, unknown>>;
}

const ROW = sql`
  u.id, u.stack_id as "stackId", p.organisation, p.name as project, s.name as stack, u.kind, u.dry_run as "dryRun", u.status,
  u.number, u.attempt_id as "attemptId", u.deployment_id as "deploymentId", u.epoch, u.principal, u.message, u.claimed, u.client,
  u.address, u.token_hash as "tokenHash", u.journal_version as "journalVersion", u.base_state as "baseState",
  u.drain_until as "drainUntil", u.cancelled_by as "cancelledBy",
  s.removed_at is not null or p.removed_at is not null as "isRemoved"`;
const FROM = sql`updates u join stacks s on s.id = u.stack_id join projects p on p.id = s.project_id`;

/** Adds an update that is not started. Adding it again with the same id changes nothing. */
export async function insertUpdate(db: Database, update: NewUpdate): Promise<void> {
  await db
    .insertInto("updates")
    .values({
      id: update.id,
      stack_id: update.stackId,
      kind: update.kind,
      dry_run: update.dryRun,
      attempt_id: update.attemptId,
      deployment_id: update.deploymentId,
      principal: update.principal,
      message: update.message,
      claimed: JSON.stringify(update.claimed),
      client: update.client,
      address: update.address,
      options: JSON.stringify(update.options),
      config: JSON.stringify(update.config),
    })
    .onConflict((conflict) => conflict.column("id").doNothing())
    .execute();
}

/** An update; undefined when the stack has none with that id. */
export async function findUpdateRow(
  db: Database,
  { stackId, updateId }: { stackId: string; updateId: string },
): Promise<UpdateRow | undefined> {
  const { rows } = await sql<UpdateRow>`
    select ${ROW} from ${FROM} where u.id = ${updateId} and u.stack_id = ${stackId}
  `.execute(db);
  return rows[0];
}

/** The update of a token and a path; undefined when they do not belong together. Says nothing about whether it may still write. */
export async function findUpdateOfToken(
  db: Database,
  target: { organisation: string; project: string; stack: string; updateId: string; tokenHash: Buffer },
): Promise<UpdateRow | undefined> {
  const { rows } = await sql<UpdateRow>`
    select ${ROW} from ${FROM}
    where u.id = ${target.updateId} and u.token_hash = ${target.tokenHash}
      and p.organisation = ${target.organisation} and p.name = ${target.project} and s.name = ${target.stack}
  `.execute(db);
  return rows[0];
}

/** Locks an update for the rest of the transaction: every write of it waits, and then sees what was decided. */
export async function lockUpdate(trx: Transaction, updateId: string): Promise<UpdateRow | undefined> {
  const { rows } = await sql<UpdateRow>`
    select ${ROW} from ${FROM} where u.id = ${updateId} for update of u
  `.execute(trx);
  return rows[0];
}

/** Ids of the updates of an attempt that run. */
export async function runningUpdatesOfAttempt(trx: Transaction, attemptId: string): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from updates where attempt_id = ${attemptId} and status = 'running' order by id
  `.execute(trx);
  return rows.map(({ id }) => id);
}

/** The update of a stack that changes it and has not ended; undefined when there is none. */
export async function runningUpdateOfStack(trx: Transaction, stackId: string): Promise<string | undefined> {
  const { rows } = await sql<{ id: string }>`
    select id from updates where stack_id = ${stackId} and status = 'running' and not dry_run
  `.execute(trx);
  return rows[0]?.id;
}

/** What an update gets when it starts. */
export interface StartValues {
  updateId: string;
  stackId: string;
  /** Null: it only looks. */
  epoch: number | null;
  tokenHash: Buffer;
  leaseMs: number;
  journalVersion: number;
}

/** What the CLI is told of a start. */
export interface Started {
  /** Of the update; of the latest one for an update that only looks. */
  version: number;
  tokenExpiresAt: Date;
}

/** Starts an update: gives it its number, its token and the state that its journal counts from. The caller has locked what it takes. */
export async function startUpdateRow(trx: Transaction, start: StartValues): Promise<Started> {
  const { rows } = await sql<Started>`
    with numbered as (
      update stacks set next_update = next_update + 1 where id = ${start.stackId} and ${start.epoch !== null}
      returning next_update - 1 as number
    )
    update updates u set status = 'running', started_at = clock_timestamp(), token_hash = ${start.tokenHash},
      token_expires_at = clock_timestamp() + ${start.leaseMs} * interval '1 millisecond', epoch = ${start.epoch},
      journal_version = ${start.journalVersion}, number = (select number from numbered),
      base_state = (select id from states where stack_id = ${start.stackId} order by number desc limit 1)
    where u.id = ${start.updateId}
    returning token_expires_at as "tokenExpiresAt",
      coalesce(u.number, (select next_update - 1 from stacks where id = ${start.stackId})) as version
  `.execute(trx);
  const [row] = rows;
  if (row === undefined) throw new Error(`the update ${start.updateId} is gone although its row is locked`);
  return row;
}

/** The answer of a start that was recorded before, for the same token: the reply to its commit was lost. */
export async function findStarted(
  trx: Transaction,
  updateId: string,
  tokenHash: Buffer,
): Promise<(Started & { journalVersion: number }) | undefined> {
  const { rows } = await sql<Started & { journalVersion: number }>`
    select u.token_expires_at as "tokenExpiresAt", u.journal_version as "journalVersion",
      coalesce(u.number, s.next_update - 1) as version
    from updates u join stacks s on s.id = u.stack_id
    where u.id = ${updateId} and u.token_hash = ${tokenHash} and u.status = 'running'
  `.execute(trx);
  return rows[0];
}

/** Replaces the tags of a stack. */
export async function replaceTags(
  trx: Transaction,
  stackId: string,
  tags: Readonly<Record<string, string>>,
): Promise<void> {
  await trx
    .updateTable("stacks")
    .set({ tags: JSON.stringify(tags) })
    .where("id", "=", stackId)
    .execute();
}

/**
 * Moves the end of a token, and of the right to write that a bare update has, to `leaseMs` from now by the database's clock. Answers the new end, or undefined when
 * the right is lost: then it is gone for good. The caller has locked the writer's row and the update.
 */
export async function extendLease(
  trx: Transaction,
  update: Pick<UpdateRow, "id" | "stackId" | "attemptId" | "dryRun">,
  leaseMs: number,
): Promise<Date | undefined> {
  const until = sql`clock_timestamp() + ${leaseMs} * interval '1 millisecond'`;
  const holds = update.dryRun
    ? sql`u.token_expires_at > clock_timestamp()`
    : sql`exists (select 1 from stack_writers w where w.stack_id = u.stack_id and w.holder = coalesce(u.attempt_id, u.id)
        and w.epoch = u.epoch and w.expires_at > clock_timestamp())`;
  const { rows } = await sql<{ tokenExpiresAt: Date }>`
    update updates u set token_expires_at = ${until}
    where u.id = ${update.id} and u.status = 'running' and u.drain_until is null and ${holds}
    returning token_expires_at as "tokenExpiresAt"
  `.execute(trx);
  const [row] = rows;
  if (row === undefined) return undefined;
  if (!update.dryRun && update.attemptId === null) {
    await sql`
      update stack_writers set expires_at = ${row.tokenExpiresAt}
      where stack_id = ${update.stackId} and holder = ${update.id} and holder_kind = 'update'
    `.execute(trx);
  }
  return row.tokenExpiresAt;
}

/** Begins the drain of an update whose cancel was asked for; its right to write lasts at least as long. Answers when it ends. */
export async function beginDrain(
  trx: Transaction,
  update: Pick<UpdateRow, "id" | "stackId">,
  { principal, drainMs }: { principal: string; drainMs: number },
): Promise<Date> {
  const { rows } = await sql<{ until: Date }>`
    with held as (
      update stack_writers
      set expires_at = greatest(expires_at, clock_timestamp() + ${drainMs} * interval '1 millisecond' + interval '1 second')
      where stack_id = ${update.stackId} and holder = ${update.id}
    )
    update updates set drain_until = clock_timestamp() + ${drainMs} * interval '1 millisecond', cancelled_by = ${principal}
    where id = ${update.id}
    returning drain_until as until
  `.execute(trx);
  return rows[0]?.until ?? new Date(0);
}

/** What an update came to. */
export interface EndValues {
  status: EndStatus;
  stateId: string | null;
  resourceCount: number | null;
  failure: string | null;
}

/** Ends a running update. The caller has locked it. */
export async function endUpdateRow(trx: Transaction, updateId: string, end: EndValues): Promise<void> {
  await sql`
    update updates set status = ${end.status}, finished_at = clock_timestamp(), state_id = ${end.stateId},
      resource_count = coalesce(${end.resourceCount}::integer, (select resource_count from states where id = ${end.stateId})), failure = ${end.failure}
    where id = ${updateId} and status in ('requested', 'running')
  `.execute(trx);
}

/** An update that nobody ends. */
export interface OverdueUpdate {
  id: string;
  stackId: string;
  dryRun: boolean;
}

/** By a clock: a preview past its token, a bare update past its lease or drain, and one whose right to write is somebody else's by now. */
const isOverdue = (now: RawBuilder<unknown>) => sql`u.status = 'running' and (
  (u.dry_run and u.token_expires_at <= ${now})
  or (not u.dry_run and (w.holder is distinct from coalesce(u.attempt_id, u.id) or w.epoch is distinct from u.epoch
    or (u.attempt_id is null and (w.expires_at <= ${now} or u.drain_until <= ${now})))))`;

/** Some updates that nobody ends. Not locked. An attempt's live as long as the attempt: whoever takes it over ends them. */
export async function overdueUpdates(db: Database, limit: number): Promise<OverdueUpdate[]> {
  const { rows } = await sql<OverdueUpdate>`
    select u.id, u.stack_id as "stackId", u.dry_run as "dryRun"
    from updates u left join stack_writers w on w.stack_id = u.stack_id
    where ${isOverdue(sql`now()`)}
    order by u.token_expires_at
    limit ${limit}
  `.execute(db);
  return rows;
}

/** Locks the writer's row and then the update, or answers undefined: it ended meanwhile, was renewed, or somebody else is at it. */
export async function tryLockOverdue(
  trx: Transaction,
  { id, stackId, dryRun }: OverdueUpdate,
): Promise<UpdateRow | undefined> {
  if (!dryRun) {
    const writer = await sql`
      select 1 from stack_writers where stack_id = ${stackId} for update skip locked
    `.execute(trx);
    if (writer.rows.length === 0) return undefined;
  }
  const { rows } = await sql<UpdateRow>`
    select ${ROW} from ${FROM} left join stack_writers w on w.stack_id = u.stack_id
    where u.id = ${id} and ${isOverdue(sql`clock_timestamp()`)}
    for update of u skip locked
  `.execute(trx);
  return rows[0];
}

/** Records how many resources were created, changed and so on, as the CLI told it. Also after the update has ended. */
export async function recordChanges(
  db: Database,
  updateId: string,
  changes: Readonly<Record<string, number>>,
): Promise<void> {
  await sql`update updates set resource_changes = ${JSON.stringify(changes)}::jsonb where id = ${updateId}`.execute(
    db,
  );
}
