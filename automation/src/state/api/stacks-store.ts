import { sql } from "kysely";
import type { Database, Transaction } from "../../database.ts";
import type { StackName } from "../../stacks/store.ts";

/** A stack that a request names. */
export interface StackContext {
  stackId: string;
  projectId: string;
  /** As it is called now, also when it was asked for by an earlier name. */
  name: StackName;
}

/** Finds a stack by its name, or with `aliases` by one that it had before; a stack that has the name now comes first. */
export async function resolveStack(
  db: Database,
  name: StackName,
  { aliases = false }: { aliases?: boolean } = {},
): Promise<StackContext | undefined> {
  const row = await stacks(db)
    .where("projects.organisation", "=", name.organisation)
    .where("projects.name", "=", name.project)
    .where("stacks.name", "=", name.stack)
    .executeTakeFirst();
  if (row !== undefined) return toContext(row);
  if (!aliases) return undefined;
  const renamed = await stacks(db)
    .innerJoin("stack_aliases", "stack_aliases.stack_id", "stacks.id")
    .where("stack_aliases.organisation", "=", name.organisation)
    .where("stack_aliases.project", "=", name.project)
    .where("stack_aliases.stack", "=", name.stack)
    .executeTakeFirst();
  return renamed && toContext(renamed);
}

/** What the CLI is told of a stack. */
export interface StackDetails {
  tags: Record<string, string>;
  /** Number of the newest update that may have changed it; 0: there was none. */
  version: number;
  /** The running update that may change it; its id is what `pulumi cancel` uses. */
  active: { id: string; kind: string; principal: string; startedSeconds: number } | null;
}

export async function readStackDetails(db: Database, stackId: string): Promise<StackDetails> {
  const row = await db
    .selectFrom("stacks")
    .leftJoin("updates", (join) =>
      join
        .onRef("updates.stack_id", "=", "stacks.id")
        .on("updates.status", "=", "running")
        .on("updates.dry_run", "=", false),
    )
    .select(["stacks.tags", "stacks.next_update", "updates.id", "updates.kind", "updates.principal"])
    .select(
      sql<number>`floor(extract(epoch from coalesce(updates.started_at, updates.requested_at)))::bigint`.as(
        "started",
      ),
    )
    .where("stacks.id", "=", stackId)
    .executeTakeFirstOrThrow();
  const { tags, next_update, id, kind, principal, started } = row;
  const active =
    id === null || kind === null || principal === null
      ? null
      : { id, kind, principal, startedSeconds: started };
  return { tags, version: next_update - 1, active };
}

/** Gives a stack its new name and project, and keeps the old one as an alias. The caller has locked what it touches. */
export async function renameStackRow(
  trx: Transaction,
  { stackId, from, to, projectId }: { stackId: string; from: StackName; to: StackName; projectId: string },
): Promise<void> {
  await trx
    .updateTable("stacks")
    .set({ name: to.stack, project_id: projectId })
    .where("id", "=", stackId)
    .execute();
  await trx
    .deleteFrom("stack_aliases")
    .where("organisation", "=", to.organisation)
    .where("project", "=", to.project)
    .where("stack", "=", to.stack)
    .where("stack_id", "=", stackId)
    .execute();
  await trx
    .insertInto("stack_aliases")
    .values({ organisation: from.organisation, project: from.project, stack: from.stack, stack_id: stackId })
    .onConflict((conflict) =>
      conflict.columns(["organisation", "project", "stack"]).doUpdateSet({ stack_id: stackId }),
    )
    .execute();
}

function stacks(db: Database) {
  return db
    .selectFrom("stacks")
    .innerJoin("projects", "projects.id", "stacks.project_id")
    .select([
      "stacks.id",
      "projects.id as projectId",
      "projects.organisation",
      "projects.name as project",
      "stacks.name as stack",
    ])
    .where("stacks.removed_at", "is", null);
}

function toContext(row: {
  id: string;
  projectId: string;
  organisation: string;
  project: string;
  stack: string;
}): StackContext {
  const { id, projectId, organisation, project, stack } = row;
  return { stackId: id, projectId, name: { organisation, project, stack } };
}
