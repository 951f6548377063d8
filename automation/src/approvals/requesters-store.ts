import { sql } from "kysely";
import type { Database, Transaction } from "../database.ts";

/** Somebody with a part in a change, who may not decide about it, and which part. */
export interface Requester {
  principal: string;
  why: string;
}

/**
 * Everybody with a part in a deployment (invariant 7): who asked for it, or made the schedule that did; who made the token of the service account that did; who wrote the commits of its source; who set the stack's
 * config, rules, checklist, required gates or tags, or changed a group that the rules name or the policies that hold for the project, since its last good release; who answered for the violations of policies that
 * it goes by.
 * `groups`: those that the rules name.
 */
export async function requestersOf(
  db: Database,
  deploymentId: string,
  groups: readonly string[],
): Promise<Requester[]> {
  const { rows } = await sql<Requester>`
    with about as (
      select d.requested_by, d.source_digest, s.project_id, p.organisation, p.organisation || '/' || p.name as project, p.organisation || '/' || p.name || '/' || s.name as subject,
        -- What a good release brought it took when it was requested. A rollback and a remediation bring what an older one took, so that edits since that are still to come.
        coalesce((select max(u.requested_at) from releases r join deployments u on u.id = r.deployment_id
          where r.stack_id = d.stack_id and r.health = 'good' and u.operation = 'update'), '-infinity') as since
      from deployments d join stacks s on s.id = d.stack_id join projects p on p.id = s.project_id
      where d.id = ${deploymentId}
    ), askers as (
      select requested_by as principal, 'asked for it' as why from about
      union
      select c.owner, 'made the schedule that asked for it' from about join schedules c on about.requested_by = 'schedule:' || c.id
    )
    select principal, why from askers
    union
    select t.created_by, 'made the token of ' || t.principal
    from askers join tokens t on t.principal = askers.principal and t.kind = 'service' and t.created_by is not null
    union
    select p.id, 'wrote commits of the source'
    from about
    join source_authors a on a.source_digest = about.source_digest
    join principals p on p.kind in ('user', 'owner') and p.removed_at is null
      and lower(p.name) in (lower(a.name), lower(a.email), lower(split_part(a.email, '@', 1)))
    union
    select e.principal, case
        when e.action like 'config.%' then 'changed the config since the last good release'
        when e.action like 'approval_rules.%' then 'changed the rules since the last good release'
        when e.action like 'readiness.settings%' then 'changed the checklist since the last good release'
        when e.action like 'gate%' or e.action like 'required_gates.%' then 'changed the required gates since the last good release'
        when e.action like 'polic%' then 'changed or overrode policies since the last good release'
        else 'changed the tags since the last good release' end
    from about join audit_entries e on e.subject = about.subject and e.at > about.since
    where e.action like any (array['config.%', 'approval_rules.%', 'gate%', 'required_gates.%', 'polic%', 'stack.tags_replaced', 'readiness.settings%'])
    union
    select e.principal, 'changed the policies since the last good release'
    from about join audit_entries e on e.subject in (about.organisation, about.project) and e.at > about.since
    join policy_rules r on r.id::text = e.details ->> 'rule' and (r.project_id is null or r.project_id = about.project_id)
    where e.action in ('policy.enabled', 'policy.disabled')
    union
    select o.overridden_by, 'answered for violations of policies' from policy_overrides o where o.used_by = ${deploymentId}
    union
    select e.principal, 'changed a group of the rules since the last good release'
    from about join audit_entries e on e.subject = about.organisation and e.at > about.since
    where e.action like 'group.%' and e.details ->> 'group' = any(${[...groups]})
    order by 1, 2
  `.execute(db);
  return rows;
}

/** Keeps who wrote the commits of a source. */
export async function recordAuthors(
  trx: Transaction,
  sourceDigest: string,
  authors: readonly { name: string; email: string }[],
): Promise<void> {
  if (authors.length === 0) return;
  await trx
    .insertInto("source_authors")
    .values(authors.map(({ name, email }) => ({ source_digest: sourceDigest, name, email })))
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/**
 * Keeps with the source of a release who wrote what it brings to another stack: beside its own commits those of the releases before it, back to the one that the other stack has. A stack without a good release gets
 * all of it from the last commit, as one that is deployed from its folder.
 */
export async function recordPromotedAuthors(
  trx: Transaction,
  { stackId, releaseId }: { stackId: string; releaseId: string },
): Promise<void> {
  await sql`
    with taken as (select stack_id, number, source_digest from releases where id = ${releaseId}),
    there as (
      select source_digest, git_commit, created_at from releases
      where stack_id = ${stackId} and health = 'good' order by number desc limit 1
    ),
    base as (
      select max(b.number) as number from taken t, there h, releases b
      where b.stack_id = t.stack_id and b.number < t.number and (b.source_digest = h.source_digest or b.git_commit = h.git_commit)
    )
    insert into source_authors (source_digest, name, email)
    select distinct t.source_digest, a.name, a.email
    from taken t, there h, base, releases b join source_authors a on a.source_digest = b.source_digest
    where b.stack_id = t.stack_id and b.number < t.number
      and case when base.number is null then b.created_at > h.created_at else b.number > base.number end
    on conflict do nothing
  `.execute(trx);
}
