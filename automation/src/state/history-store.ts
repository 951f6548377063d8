import { sql } from "kysely";
import type { DeploymentSummary } from "../contract/deployments.ts";
import type { HistoryEntry, StackState, Update } from "../contract/updates.ts";
import type { InstantPlace } from "../database/instant-cursor.ts";
import { isAfter, placeInstant } from "../database/instant-cursor.ts";
import type { Database } from "../database.ts";
import { listSummaries } from "../deployments/store.ts";

/** An update as the API shows it, with the id of its stack for whoever asks what may be done with it. */
export interface FoundUpdate {
  stackId: string;
  /** Null: nobody's but the CLI's. */
  attemptId: string | null;
  update: Update;
}

/** Which place in a list of newest first a page goes on after, and how many it takes. */
interface Page {
  after: InstantPlace | undefined;
  limit: number;
}

/** An item of a list with its place there. */
export interface Placed<Item> {
  item: Item;
  place: InstantPlace;
}

/** One update; undefined when there is none with that id. */
export async function findUpdate(db: Database, id: string): Promise<FoundUpdate | undefined> {
  const row = await updateQuery(db).where("updates.id", "=", id).executeTakeFirst();
  return row && toFound(row);
}

/** One update of a stack by its number; undefined when there is none. */
export async function findUpdateByNumber(
  db: Database,
  stackId: string,
  number: number,
): Promise<FoundUpdate | undefined> {
  const row = await updateQuery(db)
    .where("updates.stack_id", "=", stackId)
    .where("updates.number", "=", number)
    .executeTakeFirst();
  return row && toFound(row);
}

/** All updates of a stack, newest first, one more than asked for when there are more. */
export async function listUpdates(
  db: Database,
  stackId: string,
  { after, limit }: Page,
): Promise<Placed<Update>[]> {
  const rows = await updateQuery(db)
    .select(placeInstant("updates.requested_at").as("place"))
    .where("updates.stack_id", "=", stackId)
    .$if(after !== undefined, (q) =>
      q.where(isAfter("updates.requested_at", "updates.id", after as InstantPlace)),
    )
    .orderBy("updates.requested_at", "desc")
    .orderBy("updates.id", "desc")
    .limit(limit + 1)
    .execute();
  return rows.map((row) => ({ item: toFound(row).update, place: [row.place, row.id] }));
}

/**
 * Deployments and bare updates of a stack in one list, newest first, one more than asked for when there are more. Left out: the updates of
 * deployments, the preview with which the CLI begins a `pulumi up`, and what it created and never started.
 */
export async function listHistory(
  db: Database,
  stackId: string,
  { after, limit }: Page,
): Promise<Placed<HistoryEntry>[]> {
  const { rows } = await sql<{ kind: "deployment" | "update"; id: string; place: string }>`
    select kind, id, ${placeInstant("requested_at")} as place
    from (
      (select 'deployment' as kind, id, requested_at from deployments
       where stack_id = ${stackId} and ${isLater(after)} order by requested_at desc, id desc limit ${limit + 1})
      union all
      (select 'update', id, requested_at from updates
       where stack_id = ${stackId} and deployment_id is null and status <> 'requested' and (not dry_run or kind = 'preview')
         and ${isLater(after)} order by requested_at desc, id desc limit ${limit + 1})
    ) entries
    order by requested_at desc, id desc
    limit ${limit + 1}
  `.execute(db);
  const idsOf = (kind: string) => rows.filter((row) => row.kind === kind).map(({ id }) => id);
  const deployments = await deploymentsById(db, idsOf("deployment"));
  const updates = await updatesById(db, idsOf("update"));
  return rows.flatMap(({ kind, id, place }): Placed<HistoryEntry>[] => {
    if (kind === "deployment") {
      const deployment = deployments.get(id);
      return deployment === undefined ? [] : [{ item: { kind, deployment }, place: [place, id] }];
    }
    const update = updates.get(id);
    return update === undefined ? [] : [{ item: { kind, update }, place: [place, id] }];
  });
}

function isLater(after: InstantPlace | undefined) {
  return after === undefined ? sql<boolean>`true` : isAfter("requested_at", "id", after);
}

async function deploymentsById(
  db: Database,
  ids: readonly string[],
): Promise<Map<string, DeploymentSummary>> {
  if (ids.length === 0) return new Map();
  return new Map((await listSummaries(db, ids)).map((one) => [one.id, one]));
}

async function updatesById(db: Database, ids: readonly string[]): Promise<Map<string, Update>> {
  if (ids.length === 0) return new Map();
  const rows = await updateQuery(db).where("updates.id", "in", ids).execute();
  return new Map(rows.map((row) => [row.id, toFound(row).update]));
}

/** States of a stack, newest first; `before` is the number of the last one seen. */
export async function listStates(
  db: Database,
  stackId: string,
  { before, limit }: { before: number | undefined; limit: number },
): Promise<StackState[]> {
  const rows = await db
    .selectFrom("states")
    .leftJoin("updates", "updates.id", "states.update_id")
    .select(["states.number", "size_bytes", "states.resource_count", "partial", "created_at"])
    .select(["updates.id as update", "updates.number as update_number", "kind", "deployment_id"])
    .where("states.stack_id", "=", stackId)
    .$if(before !== undefined, (q) => q.where("states.number", "<", before ?? 0))
    .orderBy("states.number", "desc")
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    number: row.number,
    sizeBytes: row.size_bytes,
    resourceCount: row.resource_count,
    partial: row.partial,
    update:
      row.update === null
        ? null
        : {
            id: row.update,
            number: row.update_number,
            kind: row.kind as Update["kind"],
            deploymentId: row.deployment_id,
          },
    createdAt: row.created_at.toISOString(),
  }));
}

function updateQuery(db: Database) {
  return db
    .selectFrom("updates")
    .innerJoin("stacks", "stacks.id", "updates.stack_id")
    .innerJoin("projects", "projects.id", "stacks.project_id")
    .leftJoin("states", "states.id", "updates.state_id")
    .select(["updates.id", "updates.stack_id", "projects.organisation", "projects.name as project"])
    .select(["stacks.name as stack", "updates.kind", "updates.dry_run", "updates.status", "updates.number"])
    .select(["updates.deployment_id", "updates.attempt_id", "updates.principal", "updates.message"])
    .select(["updates.claimed", "updates.client", "updates.resource_changes", "updates.resource_count"])
    .select(["updates.address", "updates.drain_until", "updates.failure"])
    .select(["updates.requested_at", "updates.started_at", "updates.finished_at", "states.number as state"]);
}

type UpdateRow = Awaited<ReturnType<ReturnType<typeof updateQuery>["executeTakeFirstOrThrow"]>>;

function toFound(row: UpdateRow): FoundUpdate {
  return {
    stackId: row.stack_id,
    attemptId: row.attempt_id,
    update: {
      id: row.id,
      organisation: row.organisation,
      project: row.project,
      stack: row.stack,
      kind: row.kind as Update["kind"],
      dryRun: row.dry_run,
      status: row.status as Update["status"],
      number: row.number,
      deploymentId: row.deployment_id,
      principal: row.principal,
      message: row.message,
      claimed: row.claimed,
      client: row.client,
      address: row.address,
      cancelling: row.status === "running" && row.drain_until !== null,
      failure: row.failure,
      changes: row.resource_changes ?? {},
      resourceCount: row.resource_count,
      state: row.state,
      requestedAt: row.requested_at.toISOString(),
      startedAt: row.started_at?.toISOString() ?? null,
      finishedAt: row.finished_at?.toISOString() ?? null,
    },
  };
}
