import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { z } from "zod";
import type { ChecklistItem, SignOff } from "../contract/readiness.ts";
import { AutomaticItem, ManualItem, type ReadinessSettings } from "../contract/readiness.ts";
import type { Database, Transaction } from "../database.ts";
import type { CandidateFacts, StackFacts, Tick, ValidatedGroups } from "./rules.ts";
import { NO_SETTINGS } from "./rules.ts";

/** What a stack asks for. */
export async function readSettings(db: Database, stackId: string): Promise<ReadinessSettings> {
  const row = await db
    .selectFrom("readiness_settings")
    .select(["required", "manual", "without"])
    .where("stack_id", "=", stackId)
    .executeTakeFirst();
  if (row === undefined) return NO_SETTINGS;
  return {
    required: row.required,
    manual: z.array(ManualItem).parse(row.manual),
    without: z.array(AutomaticItem).parse(row.without),
  };
}

/** Sets what a stack asks for, in place of what it asked for before. */
export async function writeSettings(
  trx: Transaction,
  stackId: string,
  { required, manual, without }: ReadinessSettings,
  setBy: string,
): Promise<void> {
  const row = {
    required,
    manual: JSON.stringify(manual),
    without: JSON.stringify(without),
    set_by: setBy,
    set_at: sql<Date>`now()`,
  };
  await trx
    .insertInto("readiness_settings")
    .values({ stack_id: stackId, ...row })
    .onConflict((conflict) => conflict.column("stack_id").doUpdateSet(row))
    .execute();
}

interface ReleaseRow {
  id: string;
  stack: string;
  number: number;
  health: "pending" | "good" | "bad";
  quarantined: boolean;
  target: "aws" | "other";
  sourceDigest: string;
  artifacts: { name: string; digest: string }[];
  gates: { name: string; kind: string | null; required: boolean; verdict: string }[];
}

/** A release with all that the checklist asks of it. */
export type CandidateRelease = ReleaseRow;

/** A release of a stack: the one with a number, else the newest; of those with a source, the newest good one, else the newest. Undefined when there is none. */
export async function findCandidate(
  db: Database,
  stackId: string,
  which: { number?: number | undefined; sourceDigest?: string | undefined },
): Promise<CandidateRelease | undefined> {
  const { rows } = await sql<ReleaseRow>`
    select r.id, s.name as stack, r.number, r.health, r.source_digest as "sourceDigest",
      case when r.outputs -> 'manifest' ->> 'target' = 'aws' then 'aws' else 'other' end as target,
      coalesce((select jsonb_agg(jsonb_build_object('name', a.name, 'digest', a.digest) order by a.name)
        from release_artifacts a where a.release_id = r.id), '[]') as artifacts,
      coalesce((select jsonb_agg(jsonb_build_object('name', g.name, 'kind', g.evidence ->> 'kind', 'required', g.required,
          'verdict', g.verdict) order by g.name)
        from gate_results g where g.deployment_id = r.deployment_id and g.phase = 'after' and not g.dry_run), '[]') as gates,
      exists (select from quarantines q where q.stack_id = r.stack_id and q.source_digest = r.source_digest
        and q.config_digest = r.config_digest and q.lifted_at is null) as quarantined
    from releases r join stacks s on s.id = r.stack_id
    where r.stack_id = ${stackId}
      and (${which.number ?? null}::integer is null or r.number = ${which.number ?? null})
      and (${which.sourceDigest ?? null}::text is null or r.source_digest = ${which.sourceDigest ?? null})
    order by (${which.sourceDigest ?? null}::text is not null and r.health = 'good') desc, r.number desc
    limit 1`.execute(db);
  return rows[0];
}

/** A release as the rules look at it. */
export function releaseFacts(release: CandidateRelease | undefined): CandidateFacts["release"] {
  if (release === undefined) return null;
  const { stack, number, health, quarantined, target, gates } = release;
  return { stack, number, health, quarantined, target, gates };
}

/** What is known of the stack that is to take something. */
export async function readStackFacts(db: Database, stackId: string): Promise<StackFacts> {
  const { rows } = await sql<{
    slots: string[] | null;
    filled: string[];
    validated: ValidatedGroups | null;
    openDrift: number;
    releases: number;
    goodReleases: number;
  }>`
    with newest as (
      select r.deployment_id, r.outputs -> 'manifest' -> 'secrets' as secrets from releases r
      where r.stack_id = ${stackId} and r.outputs -> 'manifest' ->> 'target' = 'aws' order by r.number desc limit 1)
    select
      (select array(select jsonb_object_keys(secrets) order by 1) from newest) as slots,
      array(select distinct v.slot from secret_versions v, newest
        where v.stack_id = ${stackId} and v.arn = newest.secrets ->> v.slot) as filled,
      -- Several gates may look at a part each; a group that failed in the newest look of any of them has failed. One of which nothing could be looked at is not there: silence proves nothing.
      (select jsonb_object_agg(x."group", case when x.failed then 'failed' else 'passed' end)
          filter (where x.failed or x.passed) from (
        select c.value ->> 'group' as "group", bool_or(c.value ->> 'state' = 'failed') as failed,
          bool_or(c.value ->> 'state' = 'passed') as passed
        from (select distinct on (v.gate) v.report from validation_reports v, newest
          where v.deployment_id = newest.deployment_id order by v.gate, v.id desc) looks,
          jsonb_array_elements(looks.report -> 'checks') c
        group by 1) x) as validated,
      (select count(*)::integer from drift_alerts where stack_id = ${stackId} and closed_at is null) as "openDrift",
      (select count(*)::integer from releases where stack_id = ${stackId}) as releases,
      (select count(*)::integer from releases where stack_id = ${stackId} and health = 'good') as "goodReleases"
  `.execute(db);
  const [row] = rows;
  if (row === undefined) throw new Error("a query without a table answered nothing");
  return {
    slots: row.slots,
    filled: new Set(row.filled),
    validated: row.validated,
    openDrift: row.openDrift,
    releases: row.releases,
    goodReleases: row.goodReleases,
  };
}

/** The newest word about each manual item of a candidate. */
export async function readTicks(db: Database, stackId: string, candidate: string): Promise<Tick[]> {
  const { rows } = await sql<Tick>`
    select distinct on (item) item, done, note, ticked_by as by, ticked_at as at from readiness_ticks
    where stack_id = ${stackId} and candidate = ${candidate} order by item, id desc`.execute(db);
  return rows;
}

/** Records that somebody did an item, or took that back. */
export async function insertTick(
  trx: Transaction,
  stackId: string,
  candidate: string,
  tick: { item: string; done: boolean; note: string | null; by: string },
): Promise<void> {
  const { item, done, note, by } = tick;
  await trx
    .insertInto("readiness_ticks")
    .values({ stack_id: stackId, candidate, item, done, note, ticked_by: by })
    .execute();
}

/** Sign-offs of a candidate, newest first, withdrawn ones too. */
export async function listSignOffs(db: Database, stackId: string, candidate: string): Promise<SignOff[]> {
  const rows = await db
    .selectFrom("sign_offs")
    .select(["id", "signed_by", "signed_at", "comment", "withdrawn_at", "withdrawn_by"])
    .where("stack_id", "=", stackId)
    .where("candidate", "=", candidate)
    .orderBy("signed_at", "desc")
    .orderBy("id")
    .execute();
  return rows.map((row) => ({
    id: row.id,
    by: row.signed_by,
    at: row.signed_at.toISOString(),
    comment: row.comment,
    withdrawnAt: row.withdrawn_at?.toISOString() ?? null,
    withdrawnBy: row.withdrawn_by,
  }));
}

/** Records a sign-off. Answers its id. */
export async function insertSignOff(
  trx: Transaction,
  stackId: string,
  given: {
    candidate: string;
    sourceDigest: string;
    artifactsDigest: string | null;
    checklist: readonly ChecklistItem[];
    comment: string;
    by: string;
    signInId: string;
  },
): Promise<string> {
  const id = randomUUID();
  await trx
    .insertInto("sign_offs")
    .values({
      id,
      stack_id: stackId,
      candidate: given.candidate,
      source_digest: given.sourceDigest,
      artifacts_digest: given.artifactsDigest,
      checklist: JSON.stringify(given.checklist),
      comment: given.comment,
      sign_in_id: given.signInId,
      signed_by: given.by,
    })
    .execute();
  return id;
}

/** Withdraws a sign-off of a stack. Answers its candidate and whether it stood until now; undefined when the stack has no such one. */
export async function endSignOff(
  trx: Transaction,
  stackId: string,
  id: string,
  by: string,
): Promise<{ candidate: string; isNew: boolean } | undefined> {
  const row = await trx
    .selectFrom("sign_offs")
    .select(["candidate", "withdrawn_at"])
    .where("id", "=", id)
    .where("stack_id", "=", stackId)
    .forUpdate()
    .executeTakeFirst();
  if (row === undefined) return undefined;
  if (row.withdrawn_at !== null) return { candidate: row.candidate, isNew: false };
  await trx
    .updateTable("sign_offs")
    .set({ withdrawn_at: sql<Date>`now()`, withdrawn_by: by })
    .where("id", "=", id)
    .execute();
  return { candidate: row.candidate, isNew: true };
}
