import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { z } from "zod";
import type {
  PolicyLevel,
  PolicyOverride,
  PolicyOverrider,
  PolicyPack,
  PolicyRule,
} from "../contract/policies.ts";
import type { Database, Transaction } from "../database.ts";
import type { FindingName } from "./rules.ts";
import { appliesTo, setDigest, stopsRollback } from "./rules.ts";

/** A rule that counts, with what decides whether it is for a stack. */
export interface LiveRule extends PolicyRule {
  projectId: string | null;
  /** Of its pack. */
  lockfileDigest: string | null;
}

/** The rules that a stack must satisfy. */
export interface StackPolicySet {
  /** Of the organisation's rules when it was read. */
  version: number;
  /** The same exactly while the rules of this stack do the same. */
  digest: string;
  rules: LiveRule[];
}

/** Adds a version of a pack. Answers undefined when it is there already. */
export async function insertPack(
  trx: Transaction,
  pack: {
    organisation: string;
    name: string;
    version: string;
    description: string;
    digest: string;
    lockfileDigest: string;
    sizeBytes: number;
    publishedBy: string;
  },
): Promise<PolicyPack | undefined> {
  const row = await trx
    .insertInto("policy_packs")
    .values({
      id: randomUUID(),
      organisation: pack.organisation,
      name: pack.name,
      version: pack.version,
      description: pack.description,
      digest: pack.digest,
      lockfile_digest: pack.lockfileDigest,
      size_bytes: pack.sizeBytes,
      published_by: pack.publishedBy,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning("id")
    .executeTakeFirst();
  if (row === undefined) return undefined;
  return (await listPacks(trx, pack.organisation)).find(({ id }) => id === row.id);
}

/** Packs of an organisation, by name, the newest version first. */
export async function listPacks(db: Database, organisation: string): Promise<PolicyPack[]> {
  const rows = await db
    .selectFrom("policy_packs")
    .selectAll()
    .where("organisation", "=", organisation)
    .orderBy("name")
    .orderBy("published_at", "desc")
    .execute();
  return rows.map((row) => ({
    id: row.id,
    organisation: row.organisation,
    name: row.name,
    version: row.version,
    description: row.description,
    digest: row.digest,
    sizeBytes: Number(row.size_bytes),
    publishedAt: row.published_at.toISOString(),
    publishedBy: row.published_by,
  }));
}

/** Makes a rule count. Answers its id. The caller has made sure that what it names is the organisation's. */
export async function insertRule(
  trx: Transaction,
  rule: {
    organisation: string;
    projectId: string | null;
    tag: { name: string; value: string } | null;
    kind: PolicyRule["kind"];
    packId: string | null;
    level: PolicyLevel;
    overridable: boolean;
    holdsForRollbacks: boolean;
    config: Readonly<Record<string, unknown>>;
    enabledBy: string;
  },
): Promise<string> {
  const id = randomUUID();
  await trx
    .insertInto("policy_rules")
    .values({
      id,
      organisation: rule.organisation,
      project_id: rule.projectId,
      tag_name: rule.tag?.name ?? null,
      tag_value: rule.tag?.value ?? null,
      kind: rule.kind,
      pack_id: rule.packId,
      config: JSON.stringify(rule.config),
      level: rule.level,
      overridable: rule.overridable,
      holds_for_rollbacks: rule.holdsForRollbacks,
      enabled_by: rule.enabledBy,
    })
    .execute();
  return id;
}

/** Ends a rule. Answers false when there is none that counts. */
export async function endRule(
  trx: Transaction,
  organisation: string,
  id: string,
  principal: string,
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable("policy_rules")
    .set({ disabled_at: sql<Date>`now()`, disabled_by: principal })
    .where("organisation", "=", organisation)
    .where("id", "=", id)
    .where("disabled_at", "is", null)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Counts a change of an organisation's rules. Answers the version of now. Two who change at once follow one another. */
export async function countChange(trx: Transaction, organisation: string): Promise<number> {
  const { rows } = await sql<{ version: number }>`
    insert into policy_versions (organisation, version) values (${organisation}, 1)
    on conflict (organisation) do update set version = policy_versions.version + 1 returning version`.execute(
    trx,
  );
  return rows[0]?.version ?? 0;
}

/** Of an organisation's rules; 0 when there never was one. */
export async function readVersion(db: Database, organisation: string): Promise<number> {
  const row = await db
    .selectFrom("policy_versions")
    .select("version")
    .where("organisation", "=", organisation)
    .executeTakeFirst();
  return row?.version ?? 0;
}

interface RuleRow {
  id: string;
  organisation: string;
  projectId: string | null;
  project: string | null;
  tagName: string | null;
  tagValue: string | null;
  kind: PolicyRule["kind"];
  packName: string | null;
  packVersion: string | null;
  packDigest: string | null;
  lockfileDigest: string | null;
  level: PolicyLevel;
  overridable: boolean;
  holdsForRollbacks: boolean;
  config: Record<string, unknown>;
  enabledAt: Date;
  enabledBy: string;
}

/** Rules of an organisation that count, in the order in which they were made. */
export async function listRules(db: Database, organisation: string): Promise<LiveRule[]> {
  const { rows } = await sql<RuleRow>`
    select r.id, r.organisation, r.project_id as "projectId", p.name as project, r.tag_name as "tagName", r.tag_value as "tagValue",
      r.kind, k.name as "packName", k.version as "packVersion", k.digest as "packDigest", k.lockfile_digest as "lockfileDigest",
      r.level, r.overridable, r.holds_for_rollbacks as "holdsForRollbacks", r.config, r.enabled_at as "enabledAt", r.enabled_by as "enabledBy"
    from policy_rules r left join policy_packs k on k.id = r.pack_id left join projects p on p.id = r.project_id
    where r.organisation = ${organisation} and r.disabled_at is null
    order by r.enabled_at, r.id`.execute(db);
  return rows.map(({ tagName, tagValue, packName, packVersion, packDigest, enabledAt, ...row }) => ({
    ...row,
    tag: tagName === null ? null : { name: tagName, value: tagValue ?? "" },
    pack:
      packName === null || packVersion === null || packDigest === null
        ? null
        : { name: packName, version: packVersion, digest: packDigest },
    enabledAt: enabledAt.toISOString(),
  }));
}

/** The rules that a stack must satisfy now. */
export async function readPolicySet(db: Database, stackId: string): Promise<StackPolicySet> {
  const { rows } = await sql<{ organisation: string; projectId: string; tags: Record<string, string> }>`
    select p.organisation, s.project_id as "projectId", s.tags
    from stacks s join projects p on p.id = s.project_id where s.id = ${stackId}`.execute(db);
  const [stack] = rows;
  if (stack === undefined) return { version: 0, digest: setDigest([]), rules: [] };
  const rules = (await listRules(db, stack.organisation)).filter((rule) => appliesTo(rule, stack));
  return { version: await readVersion(db, stack.organisation), digest: setDigest(rules), rules };
}

/** Of a stack's rules, the ids of those that cannot stop an automatic rollback to a release. */
export async function reportingRules(
  db: Database,
  { rules }: StackPolicySet,
  releaseId: string,
): Promise<Set<string>> {
  const { created_at: releasedAt } = await db
    .selectFrom("releases")
    .select("created_at")
    .where("id", "=", releaseId)
    .executeTakeFirstOrThrow();
  return new Set(rules.filter((rule) => !stopsRollback(rule, releasedAt)).map(({ id }) => id));
}

/** Gives a person the right to pass over violations. */
export async function insertOverrider(
  trx: Transaction,
  grant: { organisation: string; principal: string; grantedBy: string },
): Promise<PolicyOverrider | undefined> {
  await trx
    .insertInto("policy_overriders")
    .values({ organisation: grant.organisation, principal: grant.principal, granted_by: grant.grantedBy })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  return (await listOverriders(trx, grant.organisation)).find(
    ({ principal }) => principal === grant.principal,
  );
}

/** Takes the right from somebody. Answers false when they did not have it. */
export async function removeOverrider(
  trx: Transaction,
  organisation: string,
  principal: string,
): Promise<boolean> {
  const { numDeletedRows } = await trx
    .deleteFrom("policy_overriders")
    .where("organisation", "=", organisation)
    .where("principal", "=", principal)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

/** Who may pass over violations in an organisation. */
export async function listOverriders(db: Database, organisation: string): Promise<PolicyOverrider[]> {
  const rows = await db
    .selectFrom("policy_overriders")
    .selectAll()
    .where("organisation", "=", organisation)
    .orderBy("principal")
    .execute();
  return rows.map((row) => ({
    principal: row.principal,
    grantedAt: row.granted_at.toISOString(),
    grantedBy: row.granted_by,
  }));
}

const Findings = z.array(
  z.object({ ruleId: z.string().nullable(), policy: z.string(), urn: z.string().nullable() }),
);

/** An override as the pipeline needs it. */
export interface UsableOverride {
  id: string;
  content: string;
  findings: FindingName[];
  /** Whether the deployment in question has used it already, in an earlier attempt. */
  isOwn: boolean;
}

/** The override that a deployment may use, or has used already: of its stack, for the content that it has, neither used by another nor expired. The newest of several. */
export async function usableOverride(
  db: Database,
  asked: { stackId: string; deploymentId: string; content: string },
): Promise<UsableOverride | undefined> {
  const { rows } = await sql<{ id: string; content: string; findings: unknown; isOwn: boolean }>`
    select id, content, findings, used_by is not null as "isOwn" from policy_overrides
    where stack_id = ${asked.stackId} and content = ${asked.content}
      and (used_by = ${asked.deploymentId} or (used_by is null and expires_at > clock_timestamp()))
    order by used_by is null, overridden_at desc limit 1`.execute(db);
  const [row] = rows;
  return row === undefined ? undefined : { ...row, findings: Findings.parse(row.findings) };
}

/** Uses an override for a deployment, once. Answers false when another has used it meanwhile, or it has expired. */
export async function useOverride(trx: Transaction, id: string, deploymentId: string): Promise<boolean> {
  const { rows } = await sql`
    update policy_overrides set used_by = ${deploymentId}
    where id = ${id} and (used_by = ${deploymentId} or (used_by is null and expires_at > clock_timestamp()))
    returning id`.execute(trx);
  return rows.length > 0;
}

/** Records that somebody answers for the violations of a deployment. Answers undefined when somebody has already. */
export async function insertOverride(
  trx: Transaction,
  override: {
    stackId: string;
    deploymentId: string;
    seal: string;
    content: string;
    findings: readonly FindingName[];
    reason: string;
    by: string;
    hours: number;
  },
): Promise<PolicyOverride | undefined> {
  const { rows } = await sql<{ id: string }>`
    insert into policy_overrides (id, stack_id, deployment_id, seal, content, findings, reason, overridden_by, expires_at)
    values (${randomUUID()}, ${override.stackId}, ${override.deploymentId}, ${override.seal}, ${override.content},
      ${JSON.stringify(override.findings)}, ${override.reason}, ${override.by}, now() + ${override.hours} * interval '1 hour')
    on conflict (deployment_id) do nothing returning id`.execute(trx);
  return rows[0] === undefined ? undefined : findOverride(trx, { of: override.deploymentId });
}

/** The override of a deployment's violations, or the one that let a deployment through. */
export async function findOverride(
  db: Database,
  wanted: { of: string } | { usedBy: string },
): Promise<PolicyOverride | undefined> {
  const row = await db
    .selectFrom("policy_overrides")
    .selectAll()
    .$if("of" in wanted, (query) => query.where("deployment_id", "=", "of" in wanted ? wanted.of : ""))
    .$if("usedBy" in wanted, (query) => query.where("used_by", "=", "usedBy" in wanted ? wanted.usedBy : ""))
    .executeTakeFirst();
  return (
    row && {
      id: row.id,
      deploymentId: row.deployment_id,
      seal: row.seal,
      reason: row.reason,
      overriddenBy: row.overridden_by,
      overriddenAt: row.overridden_at.toISOString(),
      expiresAt: row.expires_at.toISOString(),
      usedBy: row.used_by,
    }
  );
}
