import { sql } from "kysely";
import type { EnvironmentRule, Environments } from "../contract/promotions.ts";
import type { StoredConfig } from "../database/tables.ts";
import type { Database, Transaction } from "../database.ts";
import type { ReleaseArtifact } from "../releases/store.ts";
import type { ComparedRelease } from "./compare.ts";
import type { Place, PromotionCandidate } from "./rules.ts";

/** A release with all that a promotion takes over or shows of it. */
export interface PromotableRelease extends PromotionCandidate, ComparedRelease {
  id: string;
  sourceDigest: string;
  lockfileDigest: string | null;
  commit: string | null;
  dirty: boolean;
  config: StoredConfig;
  artifacts: ReleaseArtifact[];
  createdAt: Date;
}

/** Releases of a stack, newest first: the one with a number, or the newest. */
export async function readPromotable(
  db: Database,
  stackId: string,
  number: number | undefined,
): Promise<PromotableRelease[]> {
  const { rows } = await sql<PromotableRelease>`
    select r.id, r.number, r.health, r.source_digest as "sourceDigest", r.lockfile_digest as "lockfileDigest",
      r.git_commit as "commit", r.git_dirty as dirty, r.config, r.pulumi_version as "pulumiVersion", r.plugins,
      r.created_at as "createdAt",
      coalesce((select jsonb_agg(jsonb_build_object('name', a.name, 'digest', a.digest) order by a.name)
                from release_artifacts a where a.release_id = r.id), '[]') as artifacts,
      exists (select 1 from quarantines q where q.stack_id = r.stack_id and q.source_digest = r.source_digest
        and q.config_digest = r.config_digest and q.lifted_at is null) as quarantined
    from releases r
    where r.stack_id = ${stackId} and (${number ?? null}::integer is null or r.number = ${number ?? null}::integer)
    order by r.number desc limit 1
  `.execute(db);
  return rows;
}

/** The order of a project's stacks as it is set. */
export async function readEnvironments(db: Database, projectId: string): Promise<Environments["stacks"]> {
  const { rows } = await sql<Environments["stacks"][number]>`
    select s.name as stack, e.only_promoted as "onlyPromoted", s.removed_at is not null as removed,
      (select jsonb_build_object('number', r.number, 'health', r.health, 'quarantined', exists (
          select 1 from quarantines q where q.stack_id = r.stack_id and q.source_digest = r.source_digest
            and q.config_digest = r.config_digest and q.lifted_at is null))
       from releases r where r.stack_id = s.id order by r.number desc limit 1) as release
    from environments e join stacks s on s.id = e.stack_id
    where e.project_id = ${projectId} order by e.position
  `.execute(db);
  return rows;
}

/** Sets the order of a project's stacks, in place of the one before. Answers the names that are no stack of the project; nothing is written then. */
export async function replaceEnvironments(
  trx: Transaction,
  projectId: string,
  order: readonly EnvironmentRule[],
): Promise<string[]> {
  const names = order.map(({ stack }) => stack);
  const { rows: stacks } = await sql<{ id: string; name: string }>`
    select id, name from stacks where project_id = ${projectId} and removed_at is null and name = any(${names}::text[])
    order by id for update
  `.execute(trx);
  const ids = new Map(stacks.map(({ id, name }) => [name, id]));
  const unknown = names.filter((name) => !ids.has(name));
  if (unknown.length > 0) return unknown;
  await trx.deleteFrom("environments").where("project_id", "=", projectId).execute();
  const rows = order.flatMap(({ stack, onlyPromoted }, position) => {
    const id = ids.get(stack);
    return id === undefined
      ? []
      : [{ project_id: projectId, position, stack_id: id, only_promoted: onlyPromoted }];
  });
  if (rows.length > 0) await trx.insertInto("environments").values(rows).execute();
  return [];
}

/** Where a stack stands in the order of its project. */
export async function placeOf(db: Database, stackId: string): Promise<Place> {
  const { rows } = await sql<{ onlyPromoted: boolean; before: string | null }>`
    select e.only_promoted as "onlyPromoted",
      (select s.name from environments b join stacks s on s.id = b.stack_id
       where b.project_id = e.project_id and b.position = e.position - 1) as before
    from environments e where e.stack_id = ${stackId}
  `.execute(db);
  return rows[0] ?? null;
}

/** What a promoted deployment takes over instead of building it. */
export interface Promoted {
  stack: string;
  release: number;
  artifacts: ReleaseArtifact[];
  /** What became of the tests of the deployment that made the release: state and detail of its step. */
  tests: { state: string; detail: string | null } | null;
  /** Why it is not to be deployed any more; null: it still may. */
  refusal: string | null;
}

/** What a deployment was promoted from, as it is now; undefined when it was not. */
export async function readPromoted(db: Database, deploymentId: string): Promise<Promoted | undefined> {
  const { rows } = await sql<Omit<Promoted, "refusal"> & { health: string; quarantine: string | null }>`
    select s.name as stack, r.number as release, r.health,
      coalesce((select jsonb_agg(jsonb_build_object('name', a.name, 'digest', a.digest) order by a.name)
                from release_artifacts a where a.release_id = r.id), '[]') as artifacts,
      (select jsonb_build_object('state', t.state, 'detail', t.detail) from deployment_steps t
       where t.deployment_id = r.deployment_id and t.name = 'test') as tests,
      (select q.reason from quarantines q
       where ((q.stack_id = r.stack_id and q.config_digest = r.config_digest)
           or (q.stack_id = d.stack_id and q.config_digest = d.config_digest))
         and q.source_digest = r.source_digest and q.lifted_at is null limit 1) as quarantine
    from deployments d join releases r on r.id = d.promoted_from join stacks s on s.id = r.stack_id
    where d.id = ${deploymentId}
  `.execute(db);
  const row = rows[0];
  if (row === undefined) return undefined;
  const { health, quarantine, ...promoted } = row;
  return { ...promoted, refusal: quarantine ?? (health === "good" ? null : `the release is ${health}`) };
}
