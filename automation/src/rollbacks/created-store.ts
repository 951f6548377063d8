import { sql } from "kysely";
import type { Database, Transaction } from "../database.ts";

/** URNs of the resources that a deployment is recorded to have created, without the stack's own and without providers, which hold nothing. */
export async function createdUrns(trx: Transaction, deploymentId: string): Promise<string[]> {
  const { rows } = await sql<{ urn: string }>`
    select distinct body ->> 'urn' as urn from deployment_events
    where deployment_id = ${deploymentId} and body ->> 'type' = 'resource' and body ->> 'step' = 'update'
      and body ->> 'operation' = 'create' and body ->> 'state' in ('succeeded', 'started')
      and body ->> 'resourceType' <> 'pulumi:pulumi:Stack' and body ->> 'resourceType' not like 'pulumi:providers:%'
    order by 1
  `.execute(trx);
  return rows.map(({ urn }) => urn);
}

/** URNs that deployments of a stack after a release have touched, as their events say. What only looked at a resource has not touched it. */
export async function touchedUrns(db: Database, stackId: string, afterRelease: number): Promise<string[]> {
  const { rows } = await sql<{ urn: string }>`
    select distinct e.body ->> 'urn' as urn
    from deployments d join deployment_events e on e.deployment_id = d.id
    where d.stack_id = ${stackId} and d.verification is not null
      and d.number > (select back.number from releases r join deployments back on back.id = r.deployment_id
        where r.stack_id = ${stackId} and r.number = ${afterRelease})
      and e.body ->> 'type' = 'resource' and e.body ->> 'step' = 'update' and e.body ->> 'state' <> 'planned'
      and e.body ->> 'operation' not in ('same', 'read', 'refresh')
    order by 1
  `.execute(db);
  return rows.map(({ urn }) => urn);
}
