import type { RawBuilder } from "kysely";
import { sql } from "kysely";
import type { Quarantine, Release } from "../contract/releases.ts";
import type { InstantPlace } from "../database/instant-cursor.ts";
import { isAfter, placeInstant } from "../database/instant-cursor.ts";
import type { StoredConfig } from "../database/tables.ts";
import type { Database, Transaction } from "../database.ts";

/** A built service that a release pins. `name` is the service's in slipway.yaml. */
export interface ReleaseArtifact {
  name: string;
  digest: string;
}

/** What is recorded of a completed update. */
export interface NewRelease {
  id: string;
  stackId: string;
  deploymentId: string;
  health: "pending" | "good";
  rollbackOf: number | null;
  sourceDigest: string;
  lockfileDigest: string | null;
  commit: string | null;
  dirty: boolean;
  config: StoredConfig;
  configDigest: string;
  pulumiVersion: string;
  plugins: { name: string; version: string | null }[];
  outputs: Record<string, unknown>;
  requestedBy: string;
  message: string | null;
  artifacts: readonly ReleaseArtifact[];
}

/** Records a release under the next number of its stack, which is the answer. */
export async function insertRelease(trx: Transaction, release: NewRelease): Promise<number> {
  const { rows } = await sql<{ number: number }>`
    with numbered as (
      update stacks set next_release = next_release + 1 where id = ${release.stackId}
      returning next_release - 1 as number
    )
    insert into releases (id, stack_id, number, deployment_id, health, rollback_of, source_digest, lockfile_digest,
      git_commit, git_dirty, config, config_digest, pulumi_version, plugins, outputs, requested_by, message, health_decided_at)
    select ${release.id}, ${release.stackId}, number, ${release.deploymentId}, ${release.health}, ${release.rollbackOf},
      ${release.sourceDigest}, ${release.lockfileDigest}, ${release.commit}, ${release.dirty},
      ${JSON.stringify(release.config)}, ${release.configDigest}, ${release.pulumiVersion},
      ${JSON.stringify(release.plugins)}, ${JSON.stringify(release.outputs)}, ${release.requestedBy}, ${release.message},
      case when ${release.health}::text = 'good' then now() end
    from numbered returning number
  `.execute(trx);
  const number = rows[0]?.number;
  if (number === undefined) throw new Error(`stack ${release.stackId} is gone`);
  if (release.artifacts.length > 0) {
    await trx
      .insertInto("release_artifacts")
      .values(release.artifacts.map(({ name, digest }) => ({ release_id: release.id, name, digest })))
      .execute();
  }
  return number;
}

/** The release that a deployment has recorded and whose health is not decided; undefined when there is none. */
export async function releaseOf(
  trx: Transaction,
  deploymentId: string,
): Promise<{ id: string; number: number } | undefined> {
  return trx
    .selectFrom("releases")
    .select(["id", "number"])
    .where("deployment_id", "=", deploymentId)
    .where("health", "=", "pending")
    .executeTakeFirst();
}

/** Moves the health of a pending release; answers false when it was decided before. */
export async function decideHealth(
  trx: Transaction,
  releaseId: string,
  health: "good" | "bad",
): Promise<boolean> {
  const result = await trx
    .updateTable("releases")
    .set({ health, health_decided_at: sql<Date>`now()` })
    .where("id", "=", releaseId)
    .where("health", "=", "pending")
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

/** Refuses a source with a config on a stack until somebody lifts it. Doing it again changes nothing. */
export async function quarantine(
  trx: Transaction,
  subject: {
    stackId: string;
    sourceDigest: string;
    configDigest: string;
    reason: string;
    kind: Quarantine["kind"];
    deploymentId: string;
    /** Absent: Slipway itself. */
    setBy?: string;
  },
): Promise<void> {
  const { stackId, sourceDigest, configDigest, reason, kind, deploymentId, setBy = null } = subject;
  await sql`
    insert into quarantines (stack_id, source_digest, config_digest, reason, kind, deployment_id, set_by)
    values (${stackId}, ${sourceDigest}, ${configDigest}, ${reason}, ${kind}, ${deploymentId}, ${setBy})
    on conflict do nothing
  `.execute(trx);
}

/** Marks a release whose health nobody knows as good because somebody vouches for it; false when it was decided before. */
export async function acceptRelease(
  trx: Transaction,
  releaseId: string,
  accepted: { by: string; reason: string },
): Promise<boolean> {
  const result = await trx
    .updateTable("releases")
    .set({
      health: "good",
      health_decided_at: sql<Date>`now()`,
      accepted_by: accepted.by,
      accepted_reason: accepted.reason,
    })
    .where("id", "=", releaseId)
    .where("health", "=", "pending")
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

/** The quarantine in force of a source and config; undefined when they are not refused. */
export async function quarantineInForce(
  db: Database,
  stackId: string,
  content: { sourceDigest: string; configDigest: string },
): Promise<Quarantine | undefined> {
  const { rows } = await selectQuarantines(
    stackId,
    sql`q.source_digest = ${content.sourceDigest} and q.config_digest = ${content.configDigest} and q.lifted_at is null`,
  ).execute(db);
  return rows[0] && asQuarantine(rows[0]);
}

/**
 * The number of the newest release that a stack can go back to by itself from a source and config: one that passed its verification, that nobody refuses, and that was not kept by a
 * person in spite of its gates. Null when there is none.
 */
export async function newestGoodRelease(
  db: Database,
  stackId: string,
  from: { sourceDigest: string; configDigest: string },
): Promise<number | null> {
  const { rows } = await sql<{ number: number }>`
    select r.number from releases r
    where r.stack_id = ${stackId} and r.health = 'good' and r.accepted_by is null and not exists (${inForce})
      and (r.source_digest, r.config_digest) <> (${from.sourceDigest}, ${from.configDigest})
    order by r.number desc limit 1
  `.execute(db);
  return rows[0]?.number ?? null;
}

/** What a rollback runs again. */
export interface PinnedRelease {
  id: string;
  number: number;
  sourceDigest: string;
  lockfileDigest: string | null;
  commit: string | null;
  dirty: boolean;
  config: StoredConfig;
  configDigest: string;
  pulumiVersion: string;
  artifacts: ReleaseArtifact[];
}

/** Everything that a release pins; undefined when there is no such release. */
export async function pinnedRelease(
  db: Database,
  stackId: string,
  number: number,
): Promise<PinnedRelease | undefined> {
  const { rows } = await sql<PinnedRelease>`
    select r.id, r.number, r.source_digest as "sourceDigest", r.lockfile_digest as "lockfileDigest",
      r.git_commit as "commit", r.git_dirty as dirty, r.config, r.config_digest as "configDigest",
      r.pulumi_version as "pulumiVersion",
      coalesce((select jsonb_agg(jsonb_build_object('name', a.name, 'digest', a.digest) order by a.name)
                from release_artifacts a where a.release_id = r.id), '[]') as artifacts
    from releases r where r.stack_id = ${stackId} and r.number = ${number}
  `.execute(db);
  return rows[0];
}

const inForce = sql`
  select 1 from quarantines q
  where q.stack_id = r.stack_id and q.source_digest = r.source_digest and q.config_digest = r.config_digest
    and q.lifted_at is null`;

interface ReleaseRow extends Omit<Release, "createdAt"> {
  createdAt: Date;
}

/** Releases of a stack, newest first; `before` is the number of the last one seen. */
export async function listReleases(
  db: Database,
  stackId: string,
  page: { before?: number | undefined; limit: number },
): Promise<Release[]> {
  const { rows } = await selectReleases(stackId, page.before ?? null, null, page.limit).execute(db);
  return rows.map(asRelease);
}

/** One release of a stack; undefined when there is none with that number. */
export async function getRelease(
  db: Database,
  stackId: string,
  number: number,
): Promise<Release | undefined> {
  const { rows } = await selectReleases(stackId, null, number, 1).execute(db);
  return rows[0] === undefined ? undefined : asRelease(rows[0]);
}

function selectReleases(stackId: string, before: number | null, number: number | null, limit: number) {
  return sql<ReleaseRow>`
    select r.id, r.number, r.deployment_id as "deploymentId", r.health, r.rollback_of as "rollbackOf",
      (select jsonb_build_object('stack', s.name, 'release', o.number) from deployments d
       join releases o on o.id = d.promoted_from join stacks s on s.id = o.stack_id
       where d.id = r.deployment_id) as "promotedFrom",
      r.source_digest as "sourceDigest", r.git_commit as "commit", r.git_dirty as dirty,
      r.lockfile_digest as "lockfileDigest", r.config_digest as "configDigest",
      coalesce((select jsonb_agg(jsonb_build_object('name', a.name, 'digest', a.digest, 'sizeBytes', f.size_bytes) order by a.name)
                from release_artifacts a join artifacts f using (digest) where a.release_id = r.id), '[]') as artifacts,
      r.pulumi_version as "pulumiVersion", r.plugins, r.outputs, r.requested_by as "requestedBy", r.message,
      r.created_at as "createdAt", exists (${inForce}) as quarantined, r.accepted_by as "acceptedBy"
    from releases r
    where r.stack_id = ${stackId} and (${before}::integer is null or r.number < ${before}::integer)
      and (${number}::integer is null or r.number = ${number}::integer)
    order by r.number desc limit ${limit}
  `;
}

function asRelease(row: ReleaseRow): Release {
  return { ...row, createdAt: row.createdAt.toISOString() };
}

interface QuarantineRow extends Omit<Quarantine, "createdAt" | "liftedAt"> {
  createdAt: Date;
  liftedAt: Date | null;
  place: string;
}

/** A quarantine with its place in the list. */
export interface ListedQuarantine extends Quarantine {
  place: InstantPlace;
}

/** Quarantines of a stack, newest first, one more than asked for when there are more. */
export async function listQuarantines(
  db: Database,
  stackId: string,
  page: { lifted: boolean; after: InstantPlace | undefined; limit: number },
): Promise<ListedQuarantine[]> {
  const { lifted, after, limit } = page;
  const { rows } = await selectQuarantines(
    stackId,
    sql`${lifted ? sql`true` : sql`q.lifted_at is null`}
      and ${after === undefined ? sql`true` : isAfter("q.created_at", "q.id", after)}
      order by q.created_at desc, q.id desc limit ${limit + 1}`,
  ).execute(db);
  return rows.map((row) => ({ ...asQuarantine(row), place: [row.place, row.id] }));
}

/** Lifts a quarantine; answers it as it is then, undefined when the stack has none with that id. `isNew`: it was in force until now. */
export async function liftQuarantine(
  trx: Transaction,
  { stackId, id, principal, reason }: { stackId: string; id: string; principal: string; reason: string },
): Promise<{ quarantine: Quarantine; isNew: boolean } | undefined> {
  const { numAffectedRows } = await sql`
    update quarantines set lifted_at = now(), lifted_by = ${principal}, lift_reason = ${reason}
    where stack_id = ${stackId} and id = ${id} and lifted_at is null
  `.execute(trx);
  const { rows } = await selectQuarantines(stackId, sql`q.id = ${id}`).execute(trx);
  return rows[0] && { quarantine: asQuarantine(rows[0]), isNew: numAffectedRows === 1n };
}

function selectQuarantines(stackId: string, where: RawBuilder<unknown>) {
  return sql<QuarantineRow>`
    select q.id, q.kind, q.source_digest as "sourceDigest", q.config_digest as "configDigest", q.reason,
      q.deployment_id as "deploymentId", q.created_at as "createdAt", q.lifted_at as "liftedAt", q.lifted_by as "liftedBy",
      q.lift_reason as "liftReason", q.set_by as "setBy",
      -- Only stacks of the same organisation: whoever sees this one may know of them.
      array(select distinct concat_ws('/', p.organisation, p.name, reader.name)
        from output_reads o join stacks reader on reader.id = o.reader_stack_id join projects p on p.id = reader.project_id
        join stacks own on own.id = q.stack_id join projects ours on ours.id = own.project_id and ours.organisation = p.organisation
        where o.stack_id = q.stack_id and reader.id <> q.stack_id and o.last_at >= (select min(r.created_at) from releases r
          where r.stack_id = q.stack_id and r.source_digest = q.source_digest and r.config_digest = q.config_digest)
        order by 1) as readers,
      ${placeInstant("q.created_at")} as place
    from quarantines q where q.stack_id = ${stackId} and ${where}
  `;
}

function asQuarantine({ place: _, ...row }: QuarantineRow): Quarantine {
  return { ...row, createdAt: row.createdAt.toISOString(), liftedAt: row.liftedAt?.toISOString() ?? null };
}
