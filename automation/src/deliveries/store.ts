import { sql } from "kysely";
import type { StackDelivery } from "../contract/stack-deliveries.ts";
import type { InstantPlace } from "../database/instant-cursor.ts";
import { isAfter, placeInstant } from "../database/instant-cursor.ts";
import type { Database, Transaction } from "../database.ts";
import type { DeliveredStack, DeliveryWish } from "./rules.ts";
import { stateOf, statusOf, whyNot } from "./rules.ts";

/** A stack of a delivery as the rules see it, with what is needed to begin it. */
export interface DeliveryStackRow extends Omit<DeliveredStack, "deployment"> {
  stackId: string;
  /** The stack whose release it takes; null: the project's folder. */
  from: string | null;
  deployment: (NonNullable<DeliveredStack["deployment"]> & { id: string; number: number }) | null;
}

/** A delivery as it is now. */
export interface DeliveryRow extends DeliveryWish {
  id: string;
  projectId: string;
  organisation: string;
  project: string;
  requestedBy: string;
  message: string | null;
  from: { stack: string; release: number } | null;
  createdAt: Date;
  pausedBy: string | null;
  cancelledBy: string | null;
  outcome: "succeeded" | "stopped" | "cancelled" | null;
  endedAt: Date | null;
  stacks: DeliveryStackRow[];
}

/** Records a delivery with its stacks. The first of them may be queued already. */
export async function insertDelivery(
  trx: Transaction,
  delivery: {
    id: string;
    projectId: string;
    requestedBy: string;
    message: string | null;
    fromReleaseId: string | null;
    stacks: readonly {
      stackId: string;
      wave: number;
      fromStackId: string | null;
      deploymentId: string | null;
    }[];
  },
): Promise<void> {
  await trx
    .insertInto("deliveries")
    .values({
      id: delivery.id,
      project_id: delivery.projectId,
      requested_by: delivery.requestedBy,
      message: delivery.message,
      from_release: delivery.fromReleaseId,
    })
    .execute();
  await trx
    .insertInto("delivery_stacks")
    .values(
      delivery.stacks.map(({ stackId, wave, fromStackId, deploymentId }, position) => ({
        delivery_id: delivery.id,
        wave,
        position,
        stack_id: stackId,
        from_stack_id: fromStackId,
        deployment_id: deploymentId,
      })),
    )
    .execute();
}

function deliveryQuery(db: Database) {
  return db
    .selectFrom("deliveries")
    .innerJoin("projects", "projects.id", "deliveries.project_id")
    .select(["deliveries.id", "deliveries.project_id as projectId", "projects.organisation"])
    .select(["projects.name as project", "deliveries.requested_by as requestedBy", "deliveries.message"])
    .select(["deliveries.created_at as createdAt", "deliveries.paused_by as pausedBy"])
    .select([
      "deliveries.cancelled_by as cancelledBy",
      "deliveries.outcome",
      "deliveries.ended_at as endedAt",
    ])
    .select([
      sql<boolean>`deliveries.paused_at is not null`.as("paused"),
      sql<boolean>`deliveries.cancelled_at is not null`.as("cancelled"),
      sql<DeliveryRow["from"]>`(select jsonb_build_object('stack', s.name, 'release', r.number)
        from releases r join stacks s on s.id = r.stack_id where r.id = deliveries.from_release)`.as("from"),
      sql<DeliveryStackRow[]>`(
        select jsonb_agg(jsonb_build_object('stack', s.name, 'stackId', s.id, 'wave', t.wave, 'from', f.name,
          'refusal', t.refusal ->> 'detail',
          'deployment', case when d.id is null then null else jsonb_build_object('id', d.id, 'number', d.number,
            'status', d.status, 'failure', d.failure ->> 'detail') end,
          'release', case when r.id is null then null else jsonb_build_object('number', r.number, 'health', r.health,
            'quarantined', exists (select 1 from quarantines q where q.stack_id = r.stack_id
              and q.source_digest = r.source_digest and q.config_digest = r.config_digest and q.lifted_at is null)) end
          ) order by t.position)
        from delivery_stacks t join stacks s on s.id = t.stack_id
        left join stacks f on f.id = t.from_stack_id
        left join deployments d on d.id = t.deployment_id
        left join releases r on r.deployment_id = d.id
        where t.delivery_id = deliveries.id)`.as("stacks"),
    ]);
}

/** One delivery; undefined when there is none. */
export async function findDelivery(db: Database, id: string): Promise<DeliveryRow | undefined> {
  return deliveryQuery(db).where("deliveries.id", "=", id).executeTakeFirst();
}

/** The same, locked until the end of the transaction. With `skip` undefined also when another server has it. */
export async function lockDelivery(
  trx: Transaction,
  id: string,
  { skip = false }: { skip?: boolean } = {},
): Promise<DeliveryRow | undefined> {
  // In a statement of its own: what is read after the lock is what whoever held it has left.
  const { rows } = await sql`
    select 1 from deliveries where id = ${id} for update ${skip ? sql`skip locked` : sql``}
  `.execute(trx);
  return rows.length === 0 ? undefined : findDelivery(trx, id);
}

/** Deliveries that have not ended, oldest first. */
export async function openDeliveries(db: Database): Promise<DeliveryRow[]> {
  return deliveryQuery(db)
    .where("deliveries.ended_at", "is", null)
    .orderBy("deliveries.created_at")
    .execute();
}

/** A delivery with its place in the list. */
export interface ListedDelivery extends DeliveryRow {
  place: InstantPlace;
}

/** Deliveries, newest first, one more than asked for when there are more. */
export async function listDeliveries(
  db: Database,
  query: {
    /** Organisations whose deliveries the caller may see. */
    within: "all" | readonly string[];
    organisation?: string | undefined;
    project?: string | undefined;
    after: InstantPlace | undefined;
    limit: number;
  },
): Promise<ListedDelivery[]> {
  const { within, organisation, project, after, limit } = query;
  const rows = await deliveryQuery(db)
    .select(placeInstant("deliveries.created_at").as("place"))
    .$if(within !== "all", (q) => q.where("projects.organisation", "=", sql<string>`any(${within})`))
    .$if(organisation !== undefined, (q) => q.where("projects.organisation", "=", organisation ?? ""))
    .$if(project !== undefined, (q) => q.where("projects.name", "=", project ?? ""))
    .$if(after !== undefined, (q) =>
      q.where(isAfter("deliveries.created_at", "deliveries.id", after as InstantPlace)),
    )
    .orderBy("deliveries.created_at", "desc")
    .orderBy("deliveries.id", "desc")
    .limit(limit + 1)
    .execute();
  return rows.map((row) => ({ ...row, place: [row.place, row.id] }));
}

/** Says which deployment brings a delivery to a stack. */
export async function recordDeployment(
  trx: Transaction,
  { id, stackId, deploymentId }: { id: string; stackId: string; deploymentId: string },
): Promise<void> {
  await trx
    .updateTable("delivery_stacks")
    .set({ deployment_id: deploymentId })
    .where("delivery_id", "=", id)
    .where("stack_id", "=", stackId)
    .execute();
}

/** Says why a stack of a delivery could not be begun. */
export async function recordRefusal(
  trx: Transaction,
  {
    id,
    stackId,
    refusal,
  }: {
    id: string;
    stackId: string;
    refusal: { code: string; detail: string; remedy: string | null };
  },
): Promise<void> {
  await trx
    .updateTable("delivery_stacks")
    .set({ refusal: JSON.stringify(refusal) })
    .where("delivery_id", "=", id)
    .where("stack_id", "=", stackId)
    .execute();
}

/** Pauses a delivery, or with null ends its pause. */
export async function setPaused(trx: Transaction, id: string, by: string | null): Promise<void> {
  await trx
    .updateTable("deliveries")
    .set({ paused_at: by === null ? null : sql<Date>`now()`, paused_by: by })
    .where("id", "=", id)
    .execute();
}

export async function setCancelled(trx: Transaction, id: string, by: string): Promise<void> {
  await trx
    .updateTable("deliveries")
    .set({ cancelled_at: sql<Date>`now()`, cancelled_by: by })
    .where("id", "=", id)
    .execute();
}

/** Ends a delivery: nothing of it runs or is to come. */
export async function endDelivery(
  trx: Transaction,
  id: string,
  outcome: NonNullable<DeliveryRow["outcome"]>,
): Promise<void> {
  await trx
    .updateTable("deliveries")
    .set({ outcome, ended_at: sql<Date>`now()` })
    .where("id", "=", id)
    .execute();
}

/** A delivery as the API shows it: its status follows from its deployments. */
export function shownDelivery(row: DeliveryRow): StackDelivery {
  const told = statusOf(row, row.outcome, row.stacks);
  const isOver = told.status !== "running" && told.status !== "paused";
  return {
    id: row.id,
    organisation: row.organisation,
    project: row.project,
    ...told,
    from: row.from,
    requestedBy: row.requestedBy,
    message: row.message,
    createdAt: row.createdAt.toISOString(),
    endedAt: row.endedAt?.toISOString() ?? null,
    pausedBy: row.pausedBy,
    cancelledBy: row.cancelledBy,
    stacks: row.stacks.map((stack) => ({
      stack: stack.stack,
      wave: stack.wave,
      from: stack.from,
      state: stateOf(stack, isOver),
      detail: whyNot(stack),
      deployment: stack.deployment && {
        id: stack.deployment.id,
        number: stack.deployment.number,
        status: stack.deployment.status,
      },
      release: stack.release?.number ?? null,
    })),
  };
}
