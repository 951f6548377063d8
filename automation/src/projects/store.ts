import { sql } from "kysely";
import type { Project } from "../contract/projects.ts";
import type { InstantPlace } from "../database/instant-cursor.ts";
import { isAfter, placeInstant } from "../database/instant-cursor.ts";
import type { Database, Transaction } from "../database.ts";

/** A project with its place in the list. */
export interface ListedProject extends Project {
  place: InstantPlace;
}

interface Row {
  id: string;
  organisation: string;
  name: string;
  folder: string | null;
  created_at: Date;
}

/** Adds a project to an organisation that exists. Answers undefined when the name is taken. `folder` is null for one that the Pulumi CLI makes. */
export async function insertProject(
  trx: Transaction,
  project: { id: string; organisation: string; name: string; folder: string | null },
): Promise<Project | undefined> {
  const row = await trx
    .insertInto("projects")
    .values(project)
    .onConflict((conflict) => conflict.doNothing())
    .returningAll()
    .executeTakeFirst();
  return row && toProject(row);
}

export async function findProject(
  db: Database,
  organisation: string,
  name: string,
): Promise<Project | undefined> {
  const row = await db
    .selectFrom("projects")
    .selectAll()
    .where("organisation", "=", organisation)
    .where("name", "=", name)
    .where("removed_at", "is", null)
    .executeTakeFirst();
  return row && toProject(row);
}

/** Projects, newest first, one more than asked for when there are more. */
export async function listProjects(
  db: Database,
  {
    within,
    after,
    limit,
  }: {
    /** Organisations whose projects the caller may see. */
    within: "all" | readonly string[];
    after: InstantPlace | undefined;
    limit: number;
  },
): Promise<ListedProject[]> {
  const rows = await db
    .selectFrom("projects")
    .selectAll()
    .select(placeInstant("created_at").as("place"))
    .where("removed_at", "is", null)
    .$if(within !== "all", (query) => query.where("organisation", "=", sql<string>`any(${within})`))
    .$if(after !== undefined, (query) => query.where(isAfter("created_at", "id", after as InstantPlace)))
    .orderBy("created_at", "desc")
    .orderBy("id", "desc")
    .limit(limit + 1)
    .execute();
  return rows.map((row) => ({ ...toProject(row), place: [row.place, row.id] }));
}

/** Locks a project's row until the end of the transaction: no stack is added meanwhile. */
export async function lockProject(
  trx: Transaction,
  organisation: string,
  name: string,
): Promise<Project | undefined> {
  const row = await trx
    .selectFrom("projects")
    .selectAll()
    .where("organisation", "=", organisation)
    .where("name", "=", name)
    .where("removed_at", "is", null)
    .forUpdate()
    .executeTakeFirst();
  return row && toProject(row);
}

/** Gives a project without a folder one. Answers undefined when it has one, or is not there. */
export async function attachFolder(
  trx: Transaction,
  { organisation, name, folder }: { organisation: string; name: string; folder: string },
): Promise<Project | undefined> {
  const row = await trx
    .updateTable("projects")
    .set({ folder })
    .where("organisation", "=", organisation)
    .where("name", "=", name)
    .where("removed_at", "is", null)
    .where("folder", "is", null)
    .returningAll()
    .executeTakeFirst();
  return row && toProject(row);
}

/** How many stacks of a project are not removed. */
export async function countStacks(db: Database, projectId: string): Promise<number> {
  const row = await db
    .selectFrom("stacks")
    .select(sql<number>`count(*)`.as("count"))
    .where("project_id", "=", projectId)
    .where("removed_at", "is", null)
    .executeTakeFirstOrThrow();
  return row.count;
}

/** Removes a project; its name is free again. */
export async function markProjectRemoved(trx: Transaction, id: string): Promise<void> {
  await trx.updateTable("projects").set({ removed_at: sql<Date>`now()` }).where("id", "=", id).execute();
}

function toProject(row: Row): Project {
  const { id, organisation, name, folder } = row;
  return { id, organisation, name, folder, createdAt: row.created_at.toISOString() };
}
