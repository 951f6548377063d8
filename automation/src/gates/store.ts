import { sql } from "kysely";
import { z } from "zod";
import type { Fence } from "../attempts/rules.ts";
import type { GateResult } from "../contract/deployments.ts";
import type { GatePhase } from "../contract/gates.ts";
import { GATE_KINDS, GateEvidence, GateThreshold, Measurement } from "../contract/gates.ts";
import type { Database, Transaction } from "../database.ts";

/** What a result came from; without what its columns hold. */
const StoredEvidence = z.object({
  kind: z.enum(GATE_KINDS).nullable().default(null),
  source: z.enum(["project", "stack"]).default("project"),
  baseline: Measurement.nullable().default(null),
  thresholds: z.array(GateThreshold).default([]),
  unit: z.string().nullable().default(null),
  timing: z.string().nullable().default(null),
  measured: z.int().optional(),
});
export type StoredEvidence = z.input<typeof StoredEvidence>;

export interface RecordedGate {
  result: GateResult;
  evidence: StoredEvidence;
  measurements: readonly Measurement[];
  output: string | null;
}

/** Records what a gate said and why. A successor of an attempt replaces what its predecessor recorded. Answers false when the fence does not hold any more. */
export async function recordGate(
  db: Database,
  fence: Fence,
  deploymentId: string,
  { result, evidence, measurements, output }: RecordedGate,
): Promise<boolean> {
  const { numAffectedRows } = await sql`
    insert into gate_results (
      deployment_id, name, phase, required, dry_run, unhealthy_before, verdict, detail, measurements, evidence, output, measured_at)
    select ${deploymentId}, ${result.name}, ${result.phase}, ${result.required}, ${result.dryRun ?? false},
      ${result.unhealthyBefore ?? false}, ${result.verdict}, ${storable(result.detail)},
      ${storable(JSON.stringify(measurements))}, ${storable(JSON.stringify(evidence))}, ${output === null ? null : storable(output)}, ${result.measuredAt}
    where exists (
      select 1 from stack_writers
      where stack_id = ${fence.stackId} and holder = ${fence.attemptId} and epoch = ${fence.epoch} and expires_at > now())
    on conflict (deployment_id, phase, name) do update
      set required = excluded.required, dry_run = excluded.dry_run, unhealthy_before = excluded.unhealthy_before,
        verdict = excluded.verdict, detail = excluded.detail, measurements = excluded.measurements,
        evidence = excluded.evidence, output = excluded.output, measured_at = excluded.measured_at
  `.execute(db);
  return numAffectedRows === 1n;
}

/** A gate's result with all that it came from; undefined when the deployment has none of that name. */
export async function findGate(
  db: Database,
  deploymentId: string,
  phase: GatePhase,
  name: string,
): Promise<GateEvidence | undefined> {
  const row = await db
    .selectFrom("gate_results")
    .selectAll()
    .where("deployment_id", "=", deploymentId)
    .where("phase", "=", phase)
    .where("name", "=", name)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const measurements = z.array(Measurement).parse(row.measurements);
  const { measured = measurements.length, ...evidence } = StoredEvidence.parse(row.evidence);
  return GateEvidence.parse({
    name: row.name,
    phase: row.phase,
    required: row.required,
    dryRun: row.dry_run,
    verdict: row.verdict,
    detail: row.detail,
    measuredAt: row.measured_at.toISOString(),
    unhealthyBefore: row.unhealthy_before,
    ...evidence,
    measurements,
    measured,
    output: row.output,
  });
}

/** Records what after-gates said before the update; what an earlier attempt recorded is replaced. The caller holds the fence. */
export async function recordBaselines(
  trx: Transaction,
  deploymentId: string,
  baselines: ReadonlyMap<string, Measurement>,
): Promise<void> {
  await trx.deleteFrom("gate_baselines").where("deployment_id", "=", deploymentId).execute();
  if (baselines.size === 0) return;
  await trx
    .insertInto("gate_baselines")
    .values(
      [...baselines].map(([name, measurement]) => ({
        deployment_id: deploymentId,
        name,
        measurement: storable(JSON.stringify(measurement)),
      })),
    )
    .execute();
}

/** What after-gates said before the update, by name. */
export async function readBaselines(
  db: Database,
  deploymentId: string,
): Promise<ReadonlyMap<string, Measurement>> {
  const rows = await db
    .selectFrom("gate_baselines")
    .select(["name", "measurement"])
    .where("deployment_id", "=", deploymentId)
    .execute();
  return new Map(rows.map(({ name, measurement }) => [name, Measurement.parse(measurement)]));
}

/** Postgres stores neither NUL, also not as an escape of JSON, nor half a character; what a gate saw may hold both. */
function storable(text: string): string {
  return text
    .toWellFormed()
    .replaceAll("\0", "\u{FFFD}")
    .replace(/(?<!\\)((?:\\\\)*)\\u0000/g, "$1\\ufffd");
}
