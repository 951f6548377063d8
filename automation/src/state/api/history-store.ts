import { sql } from "kysely";
import type { Database } from "../../database.ts";

/** An update that had the right to change a stack. */
export interface PastUpdate {
  number: number;
  kind: string;
  status: string;
  message: string | null;
  /** What the client said of itself. */
  claimed: Record<string, string>;
  /** As the CLI sent it: secrets sealed. */
  config: Record<string, unknown>;
  changes: Record<string, number> | null;
  resourceCount: number | null;
  startedSeconds: number;
  finishedSeconds: number | null;
}

/** Updates of a stack that have a number, newest first. */
export async function listPastUpdates(
  db: Database,
  stackId: string,
  { limit, offset }: { limit: number; offset: number },
): Promise<PastUpdate[]> {
  const { rows } = await sql<PastUpdate>`
    select ${COLUMNS} from updates
    where stack_id = ${stackId} and number is not null
    order by number desc
    limit ${limit} offset ${offset}
  `.execute(db);
  return rows;
}

/** The newest update that a program ran with its config: `pulumi config refresh` writes it into the local file. What was imported or edited has none of its own. */
export async function latestRun(db: Database, stackId: string): Promise<PastUpdate | undefined> {
  const { rows } = await sql<PastUpdate>`
    select ${COLUMNS} from updates
    where stack_id = ${stackId} and number is not null and kind not in ('import', 'edit')
    order by number desc
    limit 1
  `.execute(db);
  return rows[0];
}

const COLUMNS = sql`
  number, kind, status, message, claimed, config, resource_changes as changes, resource_count as "resourceCount",
  floor(extract(epoch from coalesce(started_at, requested_at)))::bigint as "startedSeconds",
  floor(extract(epoch from finished_at))::bigint as "finishedSeconds"`;
