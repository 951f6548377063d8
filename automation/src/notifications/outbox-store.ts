import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import type { NotificationBody, NotificationKind } from "../contract/notifications.ts";
import type { Database, Transaction } from "../database.ts";
import type { RoutableNotification, Route } from "./rules.ts";

/** Longest texts of a message, in characters; what is longer is cut. */
const LONGEST_SENTENCE = 500;
const LONGEST_REASON = 2_000;

/** Something to be told. */
export interface NewNotification {
  /** Null: about the installation (disk, backup, a lost worker). */
  organisation: string | null;
  kind: NotificationKind;
  /** As in audit entries: organisation/project/stack, or shorter. Patterns of destinations are matched with it. */
  subject: string;
  body: NotificationBody;
  /** The same thing told twice (by two servers, by a repeated transaction) is one message: the id of the deployment, say. */
  dedupeKey: string;
  /** Of a destination that alone gets it. */
  onlyDestination?: string;
}

/**
 * Puts a message into the outbox, in the transaction of the change that it tells of; answers its id, or null when it was there already. Never fails
 * for its texts: they are cut, and characters that Postgres cannot store are replaced. Nothing in them may be a secret's value.
 */
export async function enqueueNotification(
  trx: Transaction,
  notification: NewNotification,
): Promise<string | null> {
  const { body } = notification;
  const row = await trx
    .insertInto("notifications")
    .values({
      id: randomUUID(),
      organisation: notification.organisation,
      kind: notification.kind,
      subject: storable(notification.subject, LONGEST_SENTENCE),
      body: JSON.stringify({
        what: storable(body.what, LONGEST_SENTENCE),
        who: body.who === null ? null : storable(body.who, LONGEST_SENTENCE),
        why: body.why === null ? null : storable(body.why, LONGEST_REASON),
        nextAction: body.nextAction === null ? null : storable(body.nextAction, LONGEST_REASON),
        page: body.page,
      } satisfies NotificationBody),
      dedupe_key: storable(notification.dedupeKey, LONGEST_SENTENCE),
      only_destination: notification.onlyDestination ?? null,
    })
    .onConflict((conflict) => conflict.columns(["organisation", "kind", "dedupe_key"]).doNothing())
    .returning("id")
    .executeTakeFirst();
  return row?.id ?? null;
}

/** Well-formed text without NUL, at most so many characters. */
function storable(text: string, longest: number): string {
  const cut = text.length > longest ? `${text.slice(0, longest - 1)}…` : text;
  return cut.toWellFormed().replaceAll("\0", "\uFFFD");
}

/** A message whose destinations are still to be found. */
export interface UnroutedNotification extends RoutableNotification {
  id: string;
}

/** Takes messages that are not routed yet, oldest first, for the rest of the transaction; those that another server is at are left out. */
export async function lockUnrouted(trx: Transaction, limit: number): Promise<UnroutedNotification[]> {
  const { rows } = await sql<UnroutedNotification>`
    select id, organisation, kind, subject, only_destination as "onlyDestination" from notifications
    where routed_at is null order by created_at limit ${limit} for update skip locked`.execute(trx);
  return rows;
}

/**
 * Records which destinations get a message, each with a delivery that is due now, and answers the deliveries' ids. The deadline counts from the message's
 * row on, so that what lay here while no server ran is given up no later.
 */
export async function recordRoutes(
  trx: Transaction,
  notificationId: string,
  destinationIds: readonly string[],
  horizonMs: number,
): Promise<string[]> {
  await sql`update notifications set routed_at = now() where id = ${notificationId}`.execute(trx);
  if (destinationIds.length === 0) return [];
  const { rows } = await sql<{ id: string }>`
    insert into notification_deliveries (id, notification_id, destination_id, deadline)
    select gen_random_uuid(), n.id, d.id, n.created_at + ${horizonMs} * interval '1 millisecond'
    from notifications n, notification_destinations d
    where n.id = ${notificationId} and d.id = any(${[...destinationIds]}) and d.removed_at is null
    on conflict (notification_id, destination_id) do nothing
    returning id`.execute(trx);
  return rows.map(({ id }) => id);
}

/** Every destination as routing needs it. */
export async function listRoutes(db: Database): Promise<Route[]> {
  return db
    .selectFrom("notification_destinations")
    .select(["id", "organisation", "kinds", "stacks", "min_severity as minSeverity", "installation"])
    .where("removed_at", "is", null)
    .orderBy("created_at")
    .execute();
}

/** Removes messages whose deliveries have all ended before an instant, with these; answers how many, at most `limit`. */
export async function deleteOldNotifications(db: Database, before: Date, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from notifications where id in (
      select n.id from notifications n
      where n.created_at < ${before} and n.routed_at is not null
        and not exists (
          select from notification_deliveries d
          where d.notification_id = n.id and (d.status = 'pending' or d.finished_at >= ${before}))
      order by n.created_at limit ${limit} for update skip locked)`.execute(db);
  return Number(numAffectedRows ?? 0n);
}
