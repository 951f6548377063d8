import type { ExpressionBuilder } from "kysely";
import { sql } from "kysely";
import { jsonObjectFrom } from "kysely/helpers/postgres";
import type { Stack } from "../contract/stacks.ts";
import type { InstantPlace } from "../database/instant-cursor.ts";
import { isAfter, placeInstant } from "../database/instant-cursor.ts";
import type { Tables } from "../database/tables.ts";
import type { Database, Transaction } from "../database.ts";

/** Names one stack. */
export interface StackName {
  organisation: string;
  project: string;
  stack: string;
}

/** A stack with its place in the list. */
export interface ListedStack extends Stack {
  place: InstantPlace;
}

/** What a change of a stack needs to know of it. */
export interface StackReference {
  id: string;
  projectId: string;
  /** Null: the Pulumi CLI made the project, and no folder was registered for it. */
  projectFolder: string | null;
}

/** Adds a stack. Answers undefined when the name is taken. */
export async function insertStack(
  trx: Transaction,
  stack: { id: string; projectId: string; name: string; tags: Record<string, string> },
): Promise<string | undefined> {
  const row = await trx
    .insertInto("stacks")
    .values({ id: stack.id, project_id: stack.projectId, name: stack.name, tags: JSON.stringify(stack.tags) })
    .onConflict((conflict) => conflict.doNothing())
    .returning("id")
    .executeTakeFirst();
  return row?.id;
}

/** One stack as the API shows it. */
export async function findStack(db: Database, name: StackName): Promise<Stack | undefined> {
  const row = await stackQuery(db)
    .where("projects.organisation", "=", name.organisation)
    .where("projects.name", "=", name.project)
    .where("stacks.name", "=", name.stack)
    .executeTakeFirst();
  return row && toStack(row);
}

/** Stacks, newest first, one more than asked for when there are more. */
export async function listStacks(
  db: Database,
  query: {
    organisation?: string | undefined;
    project?: string | undefined;
    /** Organisations whose stacks the caller may see. */
    within: "all" | readonly string[];
    after: InstantPlace | undefined;
    limit: number;
  },
): Promise<ListedStack[]> {
  const { organisation, project, within, after, limit } = query;
  const rows = await stackQuery(db)
    .select(placeInstant("stacks.created_at").as("place"))
    .$if(within !== "all", (q) => q.where("projects.organisation", "=", sql<string>`any(${within})`))
    .$if(organisation !== undefined, (q) => q.where("projects.organisation", "=", organisation ?? ""))
    .$if(project !== undefined, (q) => q.where("projects.name", "=", project ?? ""))
    .$if(after !== undefined, (q) =>
      q.where(isAfter("stacks.created_at", "stacks.id", after as InstantPlace)),
    )
    .orderBy("stacks.created_at", "desc")
    .orderBy("stacks.id", "desc")
    .limit(limit + 1)
    .execute();
  return rows.map((row) => ({ ...toStack(row), place: [row.place, row.id] }));
}

/** Finds a stack for a change; with `lock` nobody else changes it until the transaction ends. */
export async function referStack(
  db: Database,
  name: StackName,
  { lock = false }: { lock?: boolean } = {},
): Promise<StackReference | undefined> {
  return db
    .selectFrom("stacks")
    .innerJoin("projects", "projects.id", "stacks.project_id")
    .select(["stacks.id", "stacks.project_id as projectId", "projects.folder as projectFolder"])
    .where("projects.organisation", "=", name.organisation)
    .where("projects.name", "=", name.project)
    .where("stacks.name", "=", name.stack)
    .where("stacks.removed_at", "is", null)
    .$if(lock, (query) => query.forUpdate("stacks"))
    .executeTakeFirst();
}

export async function replaceTags(trx: Transaction, id: string, tags: Record<string, string>): Promise<void> {
  await trx
    .updateTable("stacks")
    .set({ tags: JSON.stringify(tags) })
    .where("id", "=", id)
    .execute();
}

/** What decides whether a stack may be removed. */
export interface StackUse {
  /** Null: no run has counted them. */
  resourceCount: number | null;
  /** Deployments that have not ended. */
  open: number;
  /** Whether somebody has the right to write to it: a run of the Pulumi CLI, or an attempt of a deployment. One that has expired and is not ended yet counts. */
  isHeld: boolean;
  /** Whether an operation that changes resources was ever started. */
  wasChanged: boolean;
}

export async function readStackUse(db: Database, id: string): Promise<StackUse> {
  return db
    .selectFrom("stacks")
    .select((eb) => [
      "resource_count as resourceCount",
      eb
        .selectFrom("deployments")
        .select(sql<number>`count(*)`.as("count"))
        .whereRef("deployments.stack_id", "=", "stacks.id")
        .where("finished_at", "is", null)
        .$asScalar()
        .$notNull()
        .as("open"),
      sql<boolean>`exists (select 1 from stack_writers w where w.stack_id = stacks.id and w.holder is not null)`.as(
        "isHeld",
      ),
      sql<boolean>`exists (select 1 from deployments d where d.stack_id = stacks.id and d.operation <> 'preview' and d.started_at is not null)
        or exists (select 1 from updates u where u.stack_id = stacks.id and u.number is not null)`.as(
        "wasChanged",
      ),
    ])
    .where("id", "=", id)
    .executeTakeFirstOrThrow();
}

/** Removes a stack with its config, the secrets among it included. */
export async function markStackRemoved(trx: Transaction, id: string): Promise<void> {
  await trx.deleteFrom("stack_config").where("stack_id", "=", id).execute();
  await trx.updateTable("stacks").set({ removed_at: sql<Date>`now()` }).where("id", "=", id).execute();
}

/** Number of the newest release of a stack; null when it has none. */
export async function newestReleaseNumber(db: Database, stackId: string): Promise<number | null> {
  const row = await db
    .selectFrom("releases")
    .select("number")
    .where("stack_id", "=", stackId)
    .orderBy("number", "desc")
    .limit(1)
    .executeTakeFirst();
  return row?.number ?? null;
}

function stackQuery(db: Database) {
  return db
    .selectFrom("stacks")
    .innerJoin("projects", "projects.id", "stacks.project_id")
    .where("stacks.removed_at", "is", null)
    .select((eb) => [
      "stacks.id",
      "projects.organisation",
      "projects.name as project",
      "stacks.name",
      "stacks.tags",
      "stacks.created_at",
      "stacks.resource_count",
      newestRelease(eb).as("current_release"),
      newestRelease(eb).where("releases.health", "=", "good").as("last_good_release"),
      jsonObjectFrom(
        eb
          .selectFrom("deployments")
          .select(["deployments.id", "operation", "status"])
          .select(
            sql<string>`to_char(requested_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`.as(
              "requestedAt",
            ),
          )
          .whereRef("deployments.stack_id", "=", "stacks.id")
          .orderBy("deployments.number", "desc")
          .limit(1),
      ).as("last_deployment"),
      jsonObjectFrom(
        eb
          .selectFrom("updates")
          .select(["updates.id", "updates.number", "kind", "status"])
          .select(
            sql<string>`to_char(requested_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`.as(
              "requestedAt",
            ),
          )
          .whereRef("updates.stack_id", "=", "stacks.id")
          .where("updates.deployment_id", "is", null)
          .where("updates.number", "is not", null)
          .orderBy("updates.number", "desc")
          .limit(1),
      ).as("last_update"),
      jsonObjectFrom(
        eb
          .selectFrom("releases as current")
          .innerJoin("deployments as back", "back.id", "current.deployment_id")
          .innerJoin("deployments as ahead", "ahead.stack_id", "current.stack_id")
          .select(["ahead.id as deploymentId", "ahead.git_commit as commit"])
          .select([sql<string>`ahead.source_digest`.as("sourceDigest"), "current.number as runsRelease"])
          .select(
            sql<string[]>`array(
              select distinct concat_ws('/', p.organisation, p.name, s.name)
              from output_reads o join stacks s on s.id = o.reader_stack_id and s.removed_at is null join projects p on p.id = s.project_id
              where o.stack_id = stacks.id and p.organisation = projects.organisation
                and o.last_at >= ahead.started_at and o.last_at < coalesce(back.finished_at, now())
              order by 1)`.as("readBy"),
          )
          .whereRef("current.stack_id", "=", "stacks.id")
          .where("current.rollback_of", "is not", null)
          .where(
            sql<boolean>`current.number = (select max(r.number) from releases r where r.stack_id = stacks.id)`,
          )
          .where("ahead.operation", "=", "update")
          .where("ahead.verification", "is not", null)
          .whereRef("ahead.number", "<", "back.number")
          .where(
            sql<boolean>`(ahead.source_digest, ahead.config_digest) is distinct from (current.source_digest, current.config_digest)`,
          )
          .orderBy("ahead.number", "desc")
          .limit(1),
      ).as("source_ahead"),
      jsonObjectFrom(
        eb
          .selectFrom("failed_rollbacks")
          .select(["deployment_id as deploymentId", "rollback_id as rollbackId", "detail"])
          .select(
            sql<string>`to_char(failed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`.as(
              "failedAt",
            ),
          )
          .whereRef("failed_rollbacks.stack_id", "=", "stacks.id")
          .where("settled_at", "is", null)
          .orderBy("failed_at", "desc")
          .limit(1),
      ).as("failed_rollback"),
    ]);
}

function newestRelease(eb: ExpressionBuilder<Tables, "stacks">) {
  return eb
    .selectFrom("releases")
    .select("releases.number")
    .whereRef("releases.stack_id", "=", "stacks.id")
    .orderBy("releases.number", "desc")
    .limit(1);
}

type StackRow = Awaited<ReturnType<ReturnType<typeof stackQuery>["executeTakeFirstOrThrow"]>>;

function toStack(row: StackRow): Stack {
  return {
    id: row.id,
    organisation: row.organisation,
    project: row.project,
    name: row.name,
    tags: row.tags,
    createdAt: row.created_at.toISOString(),
    currentRelease: row.current_release,
    lastGoodRelease: row.last_good_release,
    lastDeployment: row.last_deployment,
    lastUpdate: row.last_update,
    resourceCount: row.resource_count,
    sourceAhead: row.source_ahead,
    failedRollback: row.failed_rollback,
  };
}
