import { type RawBuilder, sql } from "kysely";
import type { RetentionCategory, RetentionLimits } from "../contract/retention.ts";
import type { Transaction } from "../database.ts";

/** States of a stack that stay whatever their age: somebody may want to go back some steps. */
const KEPT_STATES = 20;
/** Drift checks of a stack that stay whatever their age: a list that ends in nothing tells nobody that it was once looked at. */
const KEPT_CHECKS = 20;
/** Whoever found a content relies on it for an hour (see artifacts/store.ts); more, so that no clock has to be exact. */
const RELIED_ON_HOURS = 2;

/** Rows of one kind that may be removed. */
interface RowUnits {
  /** Selects id, at and bytes of what nothing needs. */
  units: RawBuilder<unknown>;
  /** Removes the units of these ids and answers how many bytes they had; `ids` is an array of text. */
  remove(ids: RawBuilder<unknown>): RawBuilder<{ bytes: number }>;
}

const BYTES = sql`octet_length(body)`;

/** Digests of contents that something can still need. */
const PINNED_CONTENTS = sql`
  select source_digest as digest from releases where health <> 'bad'
  union all select a.digest from release_artifacts a join releases r on r.id = a.release_id where r.health <> 'bad'
  union all select source_digest from deployments where finished_at is null and source_digest is not null
  union all select digest from policy_packs
  union all select source_digest from quarantines where lifted_at is null
  -- What a destroy takes when the project's folder is gone, and what an interrupted deployment goes on with.
  union all select d.source_digest from stacks s cross join lateral (
    select source_digest from deployments where stack_id = s.id and source_digest is not null order by number desc limit 3) d
    where s.removed_at is null`;

/** Of a deployment `d`: nobody can be held to its seal any more, and what it left is nowhere gone back to. */
const UNNEEDED_PREVIEW = sql`
  d.finished_at is not null
  and not exists (select from releases r where r.deployment_id = d.id and r.health <> 'bad')
  and not exists (select from deployments b where b.bound_to = d.id and b.finished_at is null)`;

const ROWS: Readonly<Partial<Record<RetentionCategory, RowUnits>>> = {
  "deployment-events": {
    units: sql`
      select d.id::text as id, d.finished_at as at, e.bytes from deployments d
      join lateral (select sum(octet_length(body::text))::bigint as bytes from deployment_events where deployment_id = d.id) e on e.bytes is not null
      where d.finished_at is not null`,
    remove: (ids) => sql`
      with gone as (delete from deployment_events where deployment_id = any(${ids}::uuid[]) returning octet_length(body::text) as bytes)
      select coalesce(sum(bytes), 0)::bigint as bytes from gone`,
  },
  previews: {
    // The seal's digest and what it is made of stay: audit entries and votes name it.
    units: sql`
      select d.id::text as id, d.finished_at as at, (coalesce(octet_length(p.body), 0) + coalesce(octet_length(s.body), 0))::bigint as bytes
      from deployments d left join deployment_previews p on p.deployment_id = d.id left join seals s on s.deployment_id = d.id
      where (p.body is not null or s.body is not null) and ${UNNEEDED_PREVIEW}`,
    // Looked at again in the statement that removes: a request may have named the seal since the units were listed.
    remove: (ids) => sql`
      with named as materialized (
        select d.id, coalesce(octet_length(s.body), 0) as bytes from deployments d left join seals s on s.deployment_id = d.id
        where d.id = any(${ids}::uuid[]) and ${UNNEEDED_PREVIEW}
      ), previews as (
        delete from deployment_previews where deployment_id in (select id from named) returning octet_length(body) as bytes
      ), steps as (update seals set body = null where deployment_id in (select id from named))
      select coalesce(sum(bytes), 0)::bigint as bytes from (select bytes from previews union all select bytes from named) gone`,
  },
  "cli-events": {
    units: sql`
      select u.id::text as id, u.finished_at as at, e.bytes from updates u
      join lateral (select sum(${BYTES})::bigint as bytes from update_event_batches where update_id = u.id) e on e.bytes is not null
      where u.finished_at is not null`,
    remove: (ids) => sql`
      with batches as (delete from update_event_batches where update_id = any(${ids}::uuid[]) returning ${BYTES} as bytes),
        events as (delete from update_events where update_id = any(${ids}::uuid[]))
      select coalesce(sum(bytes), 0)::bigint as bytes from batches`,
  },
  journals: {
    // One that could not be made into a state is kept: it is the only record.
    units: sql`
      select u.id::text as id, u.finished_at as at, j.bytes from updates u
      join lateral (
        select sum(bytes)::bigint as bytes from (
          select ${BYTES} as bytes from journal_batches where update_id = u.id
          union all select ${BYTES} from update_checkpoints where update_id = u.id) parts
      ) j on j.bytes is not null
      where u.finished_at is not null and (u.dry_run or (u.state_id is not null and u.failure is null))`,
    remove: (ids) => sql`
      with batches as (delete from journal_batches where update_id = any(${ids}::uuid[]) returning ${BYTES} as bytes),
        checkpoints as (delete from update_checkpoints where update_id = any(${ids}::uuid[]) returning ${BYTES} as bytes)
      select coalesce(sum(bytes), 0)::bigint as bytes from (select * from batches union all select * from checkpoints) gone`,
  },
  states: {
    units: sql`
      select s.id::text as id, s.created_at as at, octet_length(s.body)::bigint as bytes from states s
      where s.number <= (select max(number) - ${sql.lit(KEPT_STATES)} from states where stack_id = s.stack_id)
        and not exists (select from updates u where u.base_state = s.id and u.status = 'running')
        and not exists (select from updates u join releases r on r.deployment_id = u.deployment_id
                        where u.state_id = s.id and r.health <> 'bad')`,
    remove: (ids) => sql`
      with named as (
        update updates set base_state = case when base_state = any(${ids}::uuid[]) then null else base_state end,
          state_id = case when state_id = any(${ids}::uuid[]) then null else state_id end
        where status <> 'running' and (base_state = any(${ids}::uuid[]) or state_id = any(${ids}::uuid[]))
      ), gone as (delete from states where id = any(${ids}::uuid[]) returning ${BYTES} as bytes)
      select coalesce(sum(bytes), 0)::bigint as bytes from gone`,
  },
  "drift-checks": {
    units: sql`
      select c.id::text as id, c.checked_at as at, (octet_length(c.resources::text) + coalesce(octet_length(c.sealed), 0))::bigint as bytes
      from (select *, row_number() over (partition by stack_id order by checked_at desc, id desc) as place from drift_checks) c
      where c.place > ${sql.lit(KEPT_CHECKS)}
        and not exists (select from drift_alerts a where a.stack_id = c.stack_id and a.closed_at is null and c.id in (a.opened_by, a.seen_by))`,
    remove: (ids) => sql`
      with gone as (
        delete from drift_checks where id = any(${ids}::uuid[])
        returning octet_length(resources::text) + coalesce(octet_length(sealed), 0) as bytes)
      select coalesce(sum(bytes), 0)::bigint as bytes from gone`,
  },
  "schedule-slots": {
    // The newest says how far a schedule has come.
    units: sql`
      select s.schedule_id || ' ' || s.slot as id, s.recorded_at as at, pg_column_size(s.*)::bigint as bytes from schedule_slots s
      where s.slot < (select max(slot) from schedule_slots where schedule_id = s.schedule_id)`,
    remove: (ids) => sql`
      with gone as (
        delete from schedule_slots s where s.schedule_id || ' ' || s.slot = any(${ids}::text[]) returning pg_column_size(s.*) as bytes)
      select coalesce(sum(bytes), 0)::bigint as bytes from gone`,
  },
  "idempotency-keys": {
    units: sql`select md5(principal || ' ' || key) as id, created_at as at, octet_length(body::text)::bigint as bytes from idempotency_keys`,
    remove: (ids) => sql`
      with gone as (delete from idempotency_keys where md5(principal || ' ' || key) = any(${ids}::text[]) returning octet_length(body::text) as bytes)
      select coalesce(sum(bytes), 0)::bigint as bytes from gone`,
  },
  artifacts: {
    units: sql`
      select c.digest as id, c.used_at as at, c.size_bytes as bytes from artifact_contents c
      where c.used_at < now() - ${sql.lit(RELIED_ON_HOURS)} * interval '1 hour'
        and c.digest not in (select digest from (${PINNED_CONTENTS}) pinned where digest is not null)`,
    // Looked at again in the statement that removes: what was wanted since the units were listed stays.
    remove: (ids) => sql`
      with gone as (
        delete from artifact_contents c where c.digest = any(${ids}::text[])
          and c.used_at < now() - ${sql.lit(RELIED_ON_HOURS)} * interval '1 hour'
          and c.digest not in (select digest from (${PINNED_CONTENTS}) pinned where digest is not null)
        returning size_bytes as bytes)
      select coalesce(sum(bytes), 0)::bigint as bytes from gone`,
  },
};

/** Whether a category's units are rows. */
export function rowsOf(category: RetentionCategory): RowUnits | undefined {
  return ROWS[category];
}

/** Ids of the units beyond the limits, oldest first, with their size. */
export async function unitsBeyond(
  trx: Transaction,
  { units }: RowUnits,
  { maxAgeDays, maxBytes }: RetentionLimits,
  limit: number,
): Promise<{ id: string; bytes: number }[]> {
  const isOld = sql`u.at < now() - ${maxAgeDays ?? 0} * interval '1 day'`;
  const byAge = maxAgeDays === null ? sql`false` : isOld;
  const from =
    // Only a limit of size needs to add up what is kept.
    maxBytes === null
      ? sql`(${units}) u where ${byAge}`
      : sql`(select *, sum(bytes) over (order by at desc, id) as so_far from (${units}) all_of_them) u where ${byAge} or so_far > ${maxBytes}`;
  const { rows } = await sql<{ id: string; bytes: number }>`
    select u.id, u.bytes from ${from} order by u.at, u.id limit ${limit}`.execute(trx);
  return rows.map(({ id, bytes }) => ({ id, bytes: Number(bytes) }));
}

/** Removes units and answers the bytes that they had. */
export async function removeUnits(trx: Transaction, rows: RowUnits, ids: readonly string[]): Promise<number> {
  const { rows: answer } = await rows.remove(sql`${[...ids]}`).execute(trx);
  return Number(answer[0]?.bytes ?? 0);
}
