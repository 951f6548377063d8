import { sql } from "kysely";
import { z } from "zod";
import type { Database } from "../../database.ts";

/** Where a page of stacks goes on: organisation, project and stack of the last one. */
export const SummaryPlace = z.tuple([z.string(), z.string(), z.string()]);
export type SummaryPlace = z.infer<typeof SummaryPlace>;

/** A stack in a list of the CLI. */
export interface StackSummary {
  id: string;
  organisation: string;
  project: string;
  stack: string;
  resourceCount: number | null;
  /** Unix seconds; null when nothing has changed it yet. */
  lastUpdateSeconds: number | null;
}

export interface SummaryQuery {
  visible: { organisations: "all" | readonly string[]; stackIds: readonly string[] };
  organisation: string | undefined;
  project: string | undefined;
  tagName: string | undefined;
  /** Only with a name. */
  tagValue: string | undefined;
  after: SummaryPlace | undefined;
  limit: number;
}

/** Stacks by organisation, project and name. */
export async function listSummaries(db: Database, query: SummaryQuery): Promise<StackSummary[]> {
  const { visible, organisation, project, tagName, tagValue, after, limit } = query;
  return db
    .selectFrom("stacks")
    .innerJoin("projects", "projects.id", "stacks.project_id")
    .select(["stacks.id", "projects.organisation", "projects.name as project", "stacks.name as stack"])
    .select((eb) => [
      "stacks.resource_count as resourceCount",
      eb
        .selectFrom("updates")
        .whereRef("updates.stack_id", "=", "stacks.id")
        .where("updates.number", "is not", null)
        .select(sql<number>`floor(extract(epoch from max(started_at)))::bigint`.as("last"))
        .$asScalar()
        .as("lastUpdateSeconds"),
    ])
    .where("stacks.removed_at", "is", null)
    .$if(visible.organisations !== "all", (q) =>
      q.where((eb) =>
        eb.or([
          eb("projects.organisation", "=", sql<string>`any(${visible.organisations})`),
          eb("stacks.id", "=", sql<string>`any(${visible.stackIds}::uuid[])`),
        ]),
      ),
    )
    .$if(organisation !== undefined, (q) => q.where("projects.organisation", "=", organisation ?? ""))
    .$if(project !== undefined, (q) => q.where("projects.name", "=", project ?? ""))
    .$if(tagName !== undefined, (q) => q.where(sql<boolean>`stacks.tags ? ${tagName}`))
    .$if(tagName !== undefined && tagValue !== undefined, (q) =>
      q.where(sql<boolean>`stacks.tags ->> ${tagName} = ${tagValue}`),
    )
    .$if(after !== undefined, (q) =>
      q.where(
        sql<boolean>`(projects.organisation, projects.name, stacks.name) > (${after?.[0]}, ${after?.[1]}, ${after?.[2]})`,
      ),
    )
    .orderBy("projects.organisation")
    .orderBy("projects.name")
    .orderBy("stacks.name")
    .limit(limit)
    .execute();
}

/** Names of all organisations. */
export async function listOrganisations(db: Database): Promise<string[]> {
  const rows = await db.selectFrom("organisations").select("name").orderBy("name").execute();
  return rows.map(({ name }) => name);
}

/** Whether there is an organisation of this name. */
export async function organisationExists(db: Database, name: string): Promise<boolean> {
  const row = await db.selectFrom("organisations").select("name").where("name", "=", name).executeTakeFirst();
  return row !== undefined;
}
