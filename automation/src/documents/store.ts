import { sql } from "kysely";
import { z } from "zod";
import { AwsManifest } from "../contract/aws/manifest.ts";
import { ValidationReport } from "../contract/aws/validation.ts";
import { ChecklistItem } from "../contract/readiness.ts";
import type { Database } from "../database.ts";
import { getRelease } from "../releases/store.ts";
import { slotStates } from "../secret-versions/rules.ts";
import { newestVersions } from "../secret-versions/store.ts";
import { shipmentOf } from "../shipments/store.ts";
import type { StackName } from "../stacks/store.ts";
import type { DocumentFacts, GateFact, StepFact } from "./facts.ts";

/** Everything that is recorded of a release, for its documents; without a number of the newest one. Undefined when there is none. */
export async function readDocumentFacts(
  db: Database,
  stack: StackName & { id: string },
  number: number | undefined,
): Promise<DocumentFacts | undefined> {
  const newest = number ?? (await newestNumber(db, stack.id));
  const release = newest === null ? undefined : await getRelease(db, stack.id, newest);
  if (release === undefined) return undefined;
  const parsed = AwsManifest.safeParse(release.outputs.manifest);
  const manifest = parsed.success ? parsed.data : null;
  const deployment = await db
    .selectFrom("deployments")
    .select(["id", "number", "operation", "options", "started_at", "finished_at", "config", "promoted_from"])
    .where("id", "=", release.deploymentId)
    .executeTakeFirstOrThrow();
  const candidate =
    deployment.promoted_from === null
      ? `source:${release.sourceDigest}`
      : `release:${deployment.promoted_from}`;
  const { id, organisation, project, stack: name } = stack;
  return {
    stack: { organisation, project, stack: name },
    release,
    deployment: {
      id: deployment.id,
      number: deployment.number,
      operation: deployment.operation,
      skippedTests: deployment.options.skipTests === true,
      startedAt: deployment.started_at,
      finishedAt: deployment.finished_at,
      steps: await stepsOf(db, deployment.id),
    },
    config: Object.entries(deployment.config)
      .map(([key, { secret }]) => ({ key, secret }))
      .sort((one, other) => (one.key < other.key ? -1 : 1)),
    manifest,
    gates: await gatesOf(db, deployment.id),
    validation: await validationOf(db, deployment.id),
    shipment: (await shipmentOf(db, release.id))?.shipment ?? null,
    votes: await votesOf(db, deployment.id),
    signOffs: await signOffsBefore(db, id, candidate, release.createdAt),
    secrets: slotStates(manifest?.secrets ?? {}, await newestVersions(db, id)),
    previousGood: await goodBefore(db, id, release.number),
    next: await stacksAfter(db, id),
  };
}

async function newestNumber(db: Database, stackId: string): Promise<number | null> {
  const row = await db
    .selectFrom("releases")
    .select(({ fn }) => fn.max("number").as("number"))
    .where("stack_id", "=", stackId)
    .executeTakeFirst();
  return row?.number ?? null;
}

async function stepsOf(db: Database, deploymentId: string): Promise<StepFact[]> {
  const { rows } = await sql<StepFact>`
    select name, state, started_at as "startedAt", finished_at as "finishedAt", detail
    from deployment_steps where deployment_id = ${deploymentId} order by position`.execute(db);
  return rows;
}

async function gatesOf(db: Database, deploymentId: string): Promise<GateFact[]> {
  const { rows } = await sql<GateFact>`
    select name, phase, evidence ->> 'kind' as kind, required, verdict, detail, measured_at as "measuredAt"
    from gate_results where deployment_id = ${deploymentId} order by phase desc, name`.execute(db);
  return rows;
}

/** Of the newest look of each gate that validated it. */
async function validationOf(db: Database, deploymentId: string): Promise<DocumentFacts["validation"]> {
  const { rows } = await sql<{ report: unknown }>`
    select distinct on (gate) report from validation_reports
    where deployment_id = ${deploymentId} order by gate, id desc`.execute(db);
  const checks = rows.flatMap(({ report }) => ValidationReport.parse(report).checks);
  return [...new Set(checks.map(({ group }) => group))].map((group) => ({
    group,
    passed: checks.filter((one) => one.group === group && one.state === "passed").length,
    failed: checks.filter((one) => one.group === group && one.state === "failed").length,
  }));
}

async function votesOf(db: Database, deploymentId: string): Promise<DocumentFacts["votes"]> {
  const { rows } = await sql<{ by: string; verdict: string; at: Date }>`
    select principal as by, verdict, cast_at as at from approval_votes
    where deployment_id = ${deploymentId} order by cast_at, principal`.execute(db);
  return rows;
}

/** Those that stood when the release was made. */
async function signOffsBefore(
  db: Database,
  stackId: string,
  candidate: string,
  createdAt: string,
): Promise<DocumentFacts["signOffs"]> {
  const { rows } = await sql<{ by: string; at: Date; comment: string; checklist: unknown }>`
    select signed_by as by, signed_at as at, comment, checklist from sign_offs
    where stack_id = ${stackId} and candidate = ${candidate} and signed_at <= ${createdAt}
      and (withdrawn_at is null or withdrawn_at > ${createdAt})
    order by signed_at, id`.execute(db);
  return rows.map(({ checklist, ...row }) => ({
    ...row,
    checklist: z.array(ChecklistItem).parse(checklist),
  }));
}

async function goodBefore(db: Database, stackId: string, number: number): Promise<number | null> {
  const { rows } = await sql<{ number: number }>`
    select number from releases where stack_id = ${stackId} and number < ${number} and health = 'good'
    order by number desc limit 1`.execute(db);
  return rows[0]?.number ?? null;
}

async function stacksAfter(db: Database, stackId: string): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select s.name from environments e join environments n on n.project_id = e.project_id and n.position = e.position + 1
    join stacks s on s.id = n.stack_id where e.stack_id = ${stackId}`.execute(db);
  return rows.map(({ name }) => name);
}
