import { sql } from "kysely";
import type {
  Delivery,
  DeliveryAttempt,
  DeliveryDetail,
  NotificationKind,
} from "../contract/notifications.ts";
import type { InstantPlace } from "../database/instant-cursor.ts";
import { isAfter, placeInstant } from "../database/instant-cursor.ts";
import type { Database, Transaction } from "../database.ts";
import { severityOf } from "./rules.ts";

/** A delivery with its place in the list. */
export interface ListedDelivery extends Delivery {
  place: InstantPlace;
}

function query(db: Database) {
  return db
    .selectFrom("notification_deliveries as v")
    .innerJoin("notification_destinations as d", "d.id", "v.destination_id")
    .innerJoin("notifications as n", "n.id", "v.notification_id")
    .select(["v.id", "v.notification_id", "v.status", "v.attempts", "v.error", "v.created_at", "v.next_at"])
    .select(["v.finished_at", "d.name as destination", "n.kind", "n.subject", "n.body"])
    .select(placeInstant("v.created_at").as("place"));
}

type Row = Awaited<ReturnType<ReturnType<typeof query>["executeTakeFirstOrThrow"]>>;

function toDelivery(row: Row): Delivery {
  return {
    id: row.id,
    messageId: row.notification_id,
    destination: row.destination,
    kind: row.kind,
    severity: severityOf(row.kind as NotificationKind),
    subject: row.subject,
    what: row.body.what,
    status: row.status,
    attempts: row.attempts,
    error: row.error,
    createdAt: row.created_at.toISOString(),
    nextAttemptAt: row.status === "pending" ? row.next_at.toISOString() : null,
    finishedAt: row.finished_at?.toISOString() ?? null,
  };
}

/** Deliveries to the destinations of one organisation, newest first, one more than asked for when there are more. */
export async function listDeliveries(
  db: Database,
  options: {
    organisation: string;
    status?: Delivery["status"] | undefined;
    destination?: string | undefined;
    after: InstantPlace | undefined;
    limit: number;
  },
): Promise<ListedDelivery[]> {
  const { organisation, status, destination, after, limit } = options;
  const rows = await query(db)
    .where("d.organisation", "=", organisation)
    .$if(status !== undefined, (q) => q.where("v.status", "=", status ?? "dead"))
    .$if(destination !== undefined, (q) => q.where("d.name", "=", destination ?? ""))
    .$if(after !== undefined, (q) => q.where(isAfter("v.created_at", "v.id", after as InstantPlace)))
    .orderBy("v.created_at", "desc")
    .orderBy("v.id", "desc")
    .limit(limit + 1)
    .execute();
  return rows.map((row) => ({ ...toDelivery(row), place: [row.place, row.id] }));
}

/** One delivery of an organisation with every try. */
export async function findDelivery(
  db: Database,
  path: { organisation: string; delivery: string },
): Promise<DeliveryDetail | undefined> {
  const row = await query(db)
    .where("v.id", "=", path.delivery)
    .where("d.organisation", "=", path.organisation)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const tries = await db
    .selectFrom("notification_attempts")
    .selectAll()
    .where("delivery_id", "=", row.id)
    .orderBy("number")
    .execute();
  return {
    ...toDelivery(row),
    body: row.body,
    tries: tries.map((one) => ({
      number: one.number,
      startedAt: one.started_at.toISOString(),
      finishedAt: one.finished_at?.toISOString() ?? null,
      outcome: (one.outcome ?? "unknown") satisfies DeliveryAttempt["outcome"],
      statusCode: one.status_code,
      error: one.error,
      durationMs: one.duration_ms,
    })),
  };
}

/** What sending again decides about. */
export interface ResendState {
  status: Delivery["status"];
  destination: string;
  isPaused: boolean;
  isRemoved: boolean;
}

/** Locks a delivery of an organisation. */
export async function lockForResend(
  trx: Transaction,
  path: { organisation: string; delivery: string },
): Promise<ResendState | undefined> {
  const { rows } = await sql<ResendState>`
    select v.status, d.name as destination, d.paused_at is not null as "isPaused", d.removed_at is not null as "isRemoved"
    from notification_deliveries v join notification_destinations d on d.id = v.destination_id
    where v.id = ${path.delivery} and d.organisation = ${path.organisation} for update of v`.execute(trx);
  return rows[0];
}

/** Puts a delivery that was given up on its way again, with a horizon of its own. */
export async function resend(trx: Transaction, id: string, horizonMs: number): Promise<void> {
  await sql`
    update notification_deliveries set status = 'pending', attempts = 0, next_at = now(), finished_at = null, error = null,
      deadline = now() + ${horizonMs} * interval '1 millisecond'
    where id = ${id} and status = 'dead'`.execute(trx);
}

/** The same for all that was given up at one destination; answers how many. */
export async function resendDead(
  trx: Transaction,
  destinationId: string,
  horizonMs: number,
): Promise<number> {
  const { numAffectedRows } = await sql`
    update notification_deliveries set status = 'pending', attempts = 0, next_at = now(), finished_at = null, error = null,
      deadline = now() + ${horizonMs} * interval '1 millisecond'
    where destination_id = ${destinationId} and status = 'dead'`.execute(trx);
  return Number(numAffectedRows ?? 0n);
}
