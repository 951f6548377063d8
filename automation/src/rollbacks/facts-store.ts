import { sql } from "kysely";
import type { Database } from "../database.ts";
import type { DataChange, PluginVersion } from "./irreversible.ts";

/** What is recorded of the release that a rollback goes back to, and of what was deployed since. */
export interface RecordedFacts {
  targetLevel: number;
  targetPlugins: PluginVersion[];
  /** Oldest first. */
  crossed: (DataChange & { number: number })[];
}

/** Reads them; the rollback itself does not count. Without a target nothing is crossed. */
export async function readRecordedFacts(
  db: Database,
  stackId: string,
  rollback: { deploymentId: string; targetRelease: number | null },
): Promise<RecordedFacts> {
  const { rows } = await sql<RecordedFacts>`
    with target as (
      select d.number, d.data_change, r.plugins from releases r join deployments d on d.id = r.deployment_id
      where r.stack_id = ${stackId} and r.number = ${rollback.targetRelease}
    )
    select coalesce((select (data_change ->> 'level')::integer from target), 0) as "targetLevel",
      coalesce((select plugins from target), '[]') as "targetPlugins",
      coalesce((
        select jsonb_agg(d.data_change || jsonb_build_object('number', d.number) order by d.number)
        from deployments d, target
        where d.stack_id = ${stackId} and d.number > target.number and d.id <> ${rollback.deploymentId}
          and d.verification is not null and d.data_change is not null), '[]') as crossed
  `.execute(db);
  return rows[0] ?? { targetLevel: 0, targetPlugins: [], crossed: [] };
}
