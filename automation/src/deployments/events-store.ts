import { sql } from "kysely";
import { isLook } from "../attempts/look-store.ts";
import type { Fence } from "../attempts/rules.ts";
import type { EventBody } from "../contract/events.ts";
import type { Database } from "../database.ts";

/** Told on this channel, with the deployment's id: there are new events; with `statusTopic` of it: its status moved. */
export const DEPLOYMENT_CHANNEL = "slipway_deployment";
/** Told on this channel: there may be something to claim, or a cancel was asked for. */
export const WORK_CHANNEL = "slipway_work";

/** The payload that tells of a deployment's status alone, for those who do not care for each of its events. */
export function statusTopic(deploymentId: string): string {
  return `${deploymentId} status`;
}

const UNIQUE_VIOLATION = "23505";
const MAX_TRIES = 20;

/** An event without its number. `at` is ISO 8601. */
export interface NewEvent {
  at: string;
  body: EventBody;
}

/** What a step came to; written together with the event that tells of it. */
export interface StepChange {
  name: string;
  state: string;
  startedAt: string | null;
  finishedAt: string | null;
  detail: string | null;
  result: unknown;
}

/** Where events belong. With a fence they are written only while it holds. */
export interface EventTarget {
  deploymentId: string;
  attempt: number;
  fence: Fence | null;
  /** With a fence: how many events the attempt's worker has stored before these. It sends them again when no reply came, and they are stored once. */
  written?: number;
}

/**
 * Appends events with gap-free numbers and records what steps came to, in one statement, and tells listeners. Answers false when the fence does not hold any more; nothing is
 * written then.
 */
export async function appendEvents(
  db: Database,
  target: EventTarget,
  events: readonly NewEvent[],
  steps: readonly StepChange[] = [],
): Promise<boolean> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await appendOnce(db, target, events, steps);
    } catch (error) {
      // Somebody else (a cancel, say) appended to the same deployment at the same moment and took the number. Inside a transaction the error has ended it.
      if (db.isTransaction || tries >= MAX_TRIES || !isUniqueViolation(error)) throw error;
    }
  }
}

async function appendOnce(
  db: Database,
  { deploymentId, attempt, fence, written }: EventTarget,
  events: readonly NewEvent[],
  steps: readonly StepChange[],
): Promise<boolean> {
  const allowed =
    fence === null
      ? sql`select 1`
      : isLook(fence)
        ? sql`select 1 from attempt_looks where attempt_id = ${fence.attemptId} and expires_at > now() for share`
        : sql`select 1 from stack_writers where stack_id = ${fence.stackId} and holder = ${fence.attemptId}
            and epoch = ${fence.epoch} and expires_at > now() for share`;
  // The row's lock makes the second of two tries wait for the first, wherever that was held up.
  const counted =
    fence === null || written === undefined
      ? sql`select 1 from allowed`
      : sql`update attempts set events_written = ${written + events.length}
            where id = ${fence.attemptId} and events_written = ${written} and exists (select 1 from allowed) returning 1`;
  const moves = events.some(({ body }) => body.type === "status");
  const topics = moves ? [deploymentId, statusTopic(deploymentId)] : [deploymentId];
  const { rows } = await sql<{ allowed: boolean }>`
    with allowed as materialized (${allowed}),
    counted as (${counted}),
    changed as (
      update deployment_steps s
      set state = x.state, started_at = coalesce(s.started_at, x."startedAt"), finished_at = x."finishedAt",
        detail = x.detail, result = coalesce(x.result, s.result), recorded_at = now()
      from jsonb_to_recordset(${JSON.stringify(steps)}::jsonb)
        as x(name text, state text, "startedAt" timestamptz, "finishedAt" timestamptz, detail text, result jsonb)
      where s.deployment_id = ${deploymentId} and s.name = x.name and exists (select 1 from counted)
    ), inserted as (
      insert into deployment_events (deployment_id, sequence, attempt, at, body)
      select ${deploymentId}, last.sequence + e.position, ${attempt}, (e.event ->> 'at')::timestamptz, e.event -> 'body'
      from jsonb_array_elements(${JSON.stringify(events)}::jsonb) with ordinality as e(event, position),
        (select coalesce(max(sequence), 0)::integer as sequence from deployment_events where deployment_id = ${deploymentId}) last
      where exists (select 1 from counted)
    )
    select true as allowed, pg_notify(${DEPLOYMENT_CHANNEL}, topic)
    from allowed, unnest(${topics}::text[]) as topic
  `.execute(db);
  return rows.length > 0;
}

/** Tells listeners after a commit that has no event of its own. Inside a transaction it is told when that commits. */
export async function notify(db: Database, channel: string, payload: string): Promise<void> {
  await sql`select pg_notify(${channel}, ${payload})`.execute(db);
}

function isUniqueViolation(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === UNIQUE_VIOLATION;
}
