import { sql } from "kysely";
import type { HoldCause } from "../contract/verification.ts";
import type { Transaction } from "../database.ts";

/** A held deployment with all that decides what becomes of it. */
export interface Held {
  deploymentId: string;
  stackId: string;
  organisation: string;
  project: string;
  stack: string;
  /** The number of its newest attempt. */
  attempt: number;
  why: HoldCause;
  /** Why it was held. */
  reason: string;
  onExpiry: "keep" | "rollback";
  /** Its time is over. */
  isDue: boolean;
  /** Somebody has changed the stack since. */
  isSuperseded: boolean;
  failure: { code: string; detail: string; remedy: string | null } | null;
  /** Its update itself failed, or what it made never served: there is no release to accept. */
  wasUpdate: boolean;
  /** A required gate failed, so that the release is bad unless somebody vouches for it. */
  gateFailed: boolean;
  release: { id: string; number: number } | null;
  sourceDigest: string;
  configDigest: string;
  /** The rollback that waits for consent. */
  rolledBackBy: string | null;
}

/** Of a held deployment `d` with its hold `h`: whether an update, a destroy, an import or an edit of the stack began after it was held. Its own rollback's do not count. */
const superseded = sql<boolean>`exists (
  select 1 from updates u where u.stack_id = d.stack_id and not u.dry_run and u.kind in ('update', 'destroy', 'import', 'edit')
    and u.started_at > h.held_at and (u.deployment_id is null or u.deployment_id not in (d.id, coalesce(d.rolled_back_by, d.id))))`;

const columns = sql`
  d.id as "deploymentId", d.stack_id as "stackId", p.organisation, p.name as project, s.name as stack,
  (select coalesce(max(a.number), 0) from attempts a where a.deployment_id = d.id) as attempt,
  h.why, h.reason, case when h.why = 'consent' then 'keep' else coalesce(rs.on_hold_expiry, 'keep') end as "onExpiry",
  h.expires_at <= now() as "isDue", ${superseded} as "isSuperseded", d.failure,
  exists (select 1 from verifications v where v.deployment_id = d.id and v.state = 'update_failed')
    or exists (select 1 from deployment_steps t where t.deployment_id = d.id and t.name = 'ship' and t.state = 'failed') as "wasUpdate",
  exists (select 1 from verifications v where v.deployment_id = d.id and v.state = 'verification_failed') as "gateFailed",
  (select jsonb_build_object('id', r.id, 'number', r.number) from releases r where r.deployment_id = d.id) as release,
  d.source_digest as "sourceDigest", d.config_digest as "configDigest", d.rolled_back_by as "rolledBackBy"`;

const tables = sql`
  deployment_holds h join deployments d on d.id = h.deployment_id
  join stacks s on s.id = d.stack_id join projects p on p.id = s.project_id
  left join rollback_settings rs on rs.stack_id = d.stack_id`;

/** A deployment that is held now, locked with its stack's row first, as whoever queues a deployment locks it; undefined when it is not. */
export async function lockHeld(trx: Transaction, deploymentId: string): Promise<Held | undefined> {
  await sql`
    select 1 from stacks where id = (select stack_id from deployments where id = ${deploymentId}) for update
  `.execute(trx);
  const { rows } = await sql<Held>`
    select ${columns} from ${tables}
    where d.id = ${deploymentId} and d.status = 'running' and d.verification = 'held' and h.decision is null
    for update of d, h
  `.execute(trx);
  return rows[0];
}

/** One deployment whose hold is over by its time, or because somebody else has changed the stack; locked against others that look for the same. */
export async function lockEndedHold(trx: Transaction): Promise<Held | undefined> {
  const { rows } = await sql<Held>`
    select ${columns} from ${tables}
    where d.status = 'running' and d.verification = 'held' and h.decision is null and (h.expires_at <= now() or ${superseded})
    order by h.expires_at limit 1
    for update of d, h, s skip locked
  `.execute(trx);
  return rows[0];
}

/** A rollback that somebody asked for and that nobody agreed to in time. */
export interface UnconsentedRollback {
  deploymentId: string;
  stackId: string;
  organisation: string;
  project: string;
  stack: string;
  attempt: number;
}

/** One of them, locked against others that look for the same. Those of held deployments end with their hold. */
export async function lockUnconsented(trx: Transaction): Promise<UnconsentedRollback | undefined> {
  const { rows } = await sql<UnconsentedRollback>`
    select d.id as "deploymentId", d.stack_id as "stackId", p.organisation, p.name as project, s.name as stack,
      (select coalesce(max(a.number), 0) from attempts a where a.deployment_id = d.id) as attempt
    from rollback_consents c join deployments d on d.id = c.deployment_id
    join stacks s on s.id = d.stack_id join projects p on p.id = s.project_id
    where d.status = 'waiting_approval' and d.cause = 'request' and c.consented is null and c.steps <> '[]' and c.expires_at <= now()
    order by c.expires_at limit 1
    for update of d, c skip locked
  `.execute(trx);
  return rows[0];
}
