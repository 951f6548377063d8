import { sql } from "kysely";
import type { AlarmKind } from "../contract/monitoring.ts";
import type { Database } from "../database.ts";

/** How far back is looked: what is older was looked at when it was new. */
const WINDOW_MINUTES = 60;

/** Evidence of something that must never be. */
export interface Finding {
  kind: AlarmKind;
  /** The same for every server that finds it. */
  fingerprint: string;
  stackId: string;
  detail: string;
}

/**
 * Evidence that something ran twice or beside another, in what the last hour has left in the tables. Needs no trust in the code that is to prevent it: it looks at who lives,
 * at the order in which journals arrived and at the epochs that were given out. An empty list is the only good answer.
 */
export async function findDoubleExecutions(db: Database): Promise<Finding[]> {
  const { rows } = await sql<Finding>`
    with recent as (select now() - ${WINDOW_MINUTES} * interval '1 minute' as at),
    changing as materialized (
      select u.id, u.stack_id, u.deployment_id, u.kind, u.epoch, u.number
      from updates u, recent where not u.dry_run and u.started_at > recent.at
    ), crowded as (
      select stack_id from changing group by stack_id having count(*) > 1
    ), written as (
      select c.id, c.stack_id, c.epoch, c.number, min(j.id) as first, max(j.id) as last
      from changing c join crowded using (stack_id) join journal_batches j on j.update_id = c.id
      group by c.id, c.stack_id, c.epoch, c.number
    ), claims as (
      select a.id, d.stack_id, a.epoch, a.claimed_at,
        lag(a.epoch) over (partition by d.stack_id order by a.claimed_at, a.epoch) as before
      from attempts a join deployments d on d.id = a.deployment_id, recent
      where a.claimed_at > recent.at and d.operation <> 'detect-drift'
    )
    select 'two-attempts' as kind, 'two-attempts ' || string_agg(a.id::text, ' ' order by a.id) as fingerprint,
      d.stack_id as "stackId", count(*) || ' attempts live at once: ' || string_agg(a.id::text, ', ' order by a.id) as detail
    from attempts a join deployments d on d.id = a.deployment_id
    where a.status in ('claimed', 'running') and d.operation <> 'detect-drift'
    group by d.stack_id having count(*) > 1
    union all
    select 'repeated-update', 'repeated-update ' || deployment_id || ' ' || kind, stack_id,
      'deployment ' || deployment_id || ' began its ' || kind || ' ' || count(*) || ' times'
    from changing where deployment_id is not null
    group by deployment_id, stack_id, kind having count(*) > 1
    union all
    select 'late-write', 'late-write ' || early.id, early.stack_id,
      'update ' || early.number || ' wrote its journal after update ' || late.number || ' had begun to write'
    from written early join written late on late.stack_id = early.stack_id and late.epoch > early.epoch
    where early.last > late.first
    union all
    select 'epoch-went-back', 'epoch-went-back ' || id, stack_id,
      'attempt ' || id || ' got epoch ' || epoch || ' after epoch ' || before
    from claims where epoch <= before
  `.execute(db);
  return rows;
}
