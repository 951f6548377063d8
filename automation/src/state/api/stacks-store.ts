import type { Database } from "../../database.ts";
import type { StackName } from "../../stacks/store.ts";
import type { StackContext } from "./context.ts";

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
