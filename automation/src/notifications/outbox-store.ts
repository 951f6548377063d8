import { randomUUID } from "node:crypto";
import type { NotificationBody, NotificationKind } from "../contract/notifications.ts";
import type { Transaction } from "../database.ts";

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
