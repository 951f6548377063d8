import { sql } from "kysely";
import type { NotificationBody, NotificationKind } from "../contract/notifications.ts";
import type { Database, Transaction } from "../database.ts";
import type { OutgoingMessage } from "./message.ts";
import type { TryResult } from "./try-result.ts";

/** A delivery that one server has taken for one try. */
export interface ClaimedDelivery {
  id: string;
  /** Counts the claims; the result is written under it. */
  claim: number;
  /** Of the row in notification_attempts. */
  number: number;
  destination: { id: string; type: "webhook" | "email"; sealed: Buffer };
  message: OutgoingMessage;
  /** The database's clock, for the time that is signed and for secrets that end. */
  now: Date;
}

/** Why a delivery that is due is not tried. */
export type Unclaimable = "not-due" | "busy" | "over";

export interface ClaimLimits {
  /** A claim that has no result after so long counts as lost. Longer than any try takes. */
  leaseMs: number;
  /** Tries at once to one destination: a slow one must not hold every slot. About; two servers may count at the same moment. */
  perDestination: number;
  maxAttempts: number;
}

interface LockedRow {
  attempts: number;
  claimed: boolean;
  isOver: boolean;
  isPaused: boolean;
  isRemoved: boolean;
  destinationId: string;
  busy: number;
}

/**
 * Takes a delivery for one try, for `leaseMs`. Two who take it at once: one gets it. What cannot be tried any more (its destination is paused or gone, its time is up after a try
 * that was cut off) is given up here instead, and answered as `over`.
 */
export function claimDelivery(
  db: Database,
  id: string,
  limits: ClaimLimits,
): Promise<ClaimedDelivery | Unclaimable> {
  return db.transaction().execute(async (trx) => {
    const { rows } = await sql<LockedRow>`
      select v.attempts, v.claimed, v.deadline < now() as "isOver", d.paused_at is not null as "isPaused",
        d.removed_at is not null as "isRemoved", d.id as "destinationId",
        (select count(*) from notification_deliveries o
          where o.destination_id = v.destination_id and o.claimed and o.next_at > now()) as busy
      from notification_deliveries v join notification_destinations d on d.id = v.destination_id
      where v.id = ${id} and v.status = 'pending' and v.next_at <= now()
      for update of v skip locked`.execute(trx);
    const row = rows[0];
    if (row === undefined) return "not-due";
    const end = reasonToEnd(row, limits);
    if (end !== undefined) {
      await giveUp(trx, id, end);
      return "over";
    }
    if (row.busy >= limits.perDestination) return "busy";
    return take(trx, id, limits.leaseMs);
  });
}

function reasonToEnd(row: LockedRow, { maxAttempts }: ClaimLimits): string | undefined {
  if (row.isRemoved) return "The destination was removed.";
  if (row.isPaused) return "The destination was paused.";
  // A first try is made however late it is: no server may have run.
  const wasCutOff = row.claimed && (row.isOver || row.attempts >= maxAttempts);
  return wasCutOff ? `The last of ${row.attempts} tries was cut off; it may have arrived.` : undefined;
}

async function take(trx: Transaction, id: string, leaseMs: number): Promise<ClaimedDelivery> {
  await sql`
    update notification_deliveries set claimed = true, claim = claim + 1, attempts = attempts + 1,
      next_at = now() + ${leaseMs} * interval '1 millisecond'
    where id = ${id}`.execute(trx);
  const { rows: tries } = await sql<{ number: number }>`
    insert into notification_attempts (delivery_id, number)
    select ${id}, coalesce(max(number), 0) + 1 from notification_attempts where delivery_id = ${id}
    returning number`.execute(trx);
  const { rows } = await sql<{
    claim: number;
    destinationId: string;
    type: "webhook" | "email";
    sealed: Buffer;
    messageId: string;
    organisation: string | null;
    kind: NotificationKind;
    subject: string;
    body: NotificationBody;
    createdAt: Date;
    now: Date;
  }>`
    select v.claim, d.id as "destinationId", d.type, d.sealed, n.id as "messageId", n.organisation, n.kind,
      n.subject, n.body, n.created_at as "createdAt", now() as now
    from notification_deliveries v
    join notification_destinations d on d.id = v.destination_id
    join notifications n on n.id = v.notification_id
    where v.id = ${id}`.execute(trx);
  const [row, { number } = { number: 0 }] = [rows[0], tries[0]];
  if (row === undefined) throw new Error("a delivery that was just taken is not there");
  const { claim, destinationId, type, sealed, messageId, now, ...message } = row;
  return {
    id,
    claim,
    number,
    destination: { id: destinationId, type, sealed },
    message: { ...message, id: messageId },
    now,
  };
}

/** Gives a delivery up without a try. Does not count against the destination. */
async function giveUp(trx: Transaction, id: string, error: string): Promise<void> {
  await sql`
    update notification_deliveries set status = 'dead', claimed = false, error = ${error}, finished_at = now()
    where id = ${id}`.execute(trx);
}

/** Writes what a try came to into its own row, whoever holds the delivery by now. */
export async function recordTry(
  trx: Transaction,
  delivery: Pick<ClaimedDelivery, "id" | "number">,
  { outcome, statusCode, note }: TryResult,
  durationMs: number,
): Promise<void> {
  const error = outcome.kind === "delivered" ? (note ?? null) : outcome.error;
  await sql`
    update notification_attempts set finished_at = clock_timestamp(), outcome = ${outcome.kind}, status_code = ${statusCode},
      error = ${error}, duration_ms = ${Math.round(durationMs)}
    where delivery_id = ${delivery.id} and number = ${delivery.number}`.execute(trx);
}

/** A delivery at the end of a try. */
export interface EndingTry {
  attempts: number;
  /** Until it is given up; may be negative. */
  leftMs: number;
  /** False: the claim was lost to another server meanwhile, or the delivery has ended. */
  isHeld: boolean;
}

/** Locks a delivery for the end of a try. Undefined when it has ended meanwhile. */
export async function lockForEnd(
  trx: Transaction,
  { id, claim }: Pick<ClaimedDelivery, "id" | "claim">,
): Promise<EndingTry | undefined> {
  const { rows } = await sql<EndingTry>`
    select attempts, extract(epoch from deadline - clock_timestamp())::float8 * 1000 as "leftMs",
      claim = ${claim} and claimed as "isHeld"
    from notification_deliveries where id = ${id} and status = 'pending' for update`.execute(trx);
  return rows[0];
}

/** Ends a delivery that arrived; the destination's count of what was given up starts anew. */
export async function endDelivered(trx: Transaction, delivery: ClaimedDelivery): Promise<void> {
  await sql`
    update notification_deliveries set status = 'delivered', claimed = false, error = null, finished_at = now()
    where id = ${delivery.id}`.execute(trx);
  await sql`
    update notification_destinations set dead_in_a_row = 0, last_delivered_at = now()
    where id = ${delivery.destination.id}`.execute(trx);
}

/** Ends a delivery that is given up; answers how many in a row its destination has had, and who it is. */
export async function endDead(
  trx: Transaction,
  delivery: ClaimedDelivery,
  error: string,
): Promise<{ deadInARow: number; organisation: string; name: string; isPaused: boolean }> {
  await giveUp(trx, delivery.id, error);
  const { rows } = await sql<{ deadInARow: number; organisation: string; name: string; isPaused: boolean }>`
    update notification_destinations set dead_in_a_row = dead_in_a_row + 1 where id = ${delivery.destination.id}
    returning dead_in_a_row as "deadInARow", organisation, name, paused_at is not null as "isPaused"`.execute(
    trx,
  );
  const [row] = rows;
  if (row === undefined) throw new Error("the destination of a delivery is not there");
  return row;
}

/** Puts a delivery back for a later try. */
export async function postpone(
  trx: Transaction,
  id: string,
  delayMs: number,
  error: string | null,
): Promise<void> {
  await sql`
    update notification_deliveries set claimed = false, error = coalesce(${error}, error),
      next_at = clock_timestamp() + ${delayMs} * interval '1 millisecond'
    where id = ${id} and status = 'pending'`.execute(trx);
}

/**
 * Deliveries that have been due for so long that their job must be lost, the longest first, and no more of a destination than it has room for. Also finds
 * claims whose server is gone.
 */
export async function overdueDeliveries(
  db: Database,
  options: { lateMs: number; perDestination: number; limit: number },
): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from (
      select id, next_at, destination_id, row_number() over (partition by destination_id order by next_at) as place
      from notification_deliveries
      where status = 'pending' and next_at < now() - ${options.lateMs} * interval '1 millisecond'
    ) late
    where place <= ${options.perDestination} - (
      select count(*) from notification_deliveries o
      where o.destination_id = late.destination_id and o.claimed and o.next_at > now())
    order by next_at limit ${options.limit}`.execute(db);
  return rows.map(({ id }) => id);
}
