import { sql } from "kysely";
import type { Fence } from "../attempts/store.ts";
import type { GateResult } from "../contract/deployments.ts";
import type { Database } from "../database.ts";
import type { Measurement } from "./rules.ts";

/** Records what a gate said and why. A successor of an attempt replaces what its predecessor recorded. Answers false when the fence does not hold any more. */
export async function recordGate(
  db: Database,
  fence: Fence,
  deploymentId: string,
  { result, measurements }: { result: GateResult; measurements: readonly Measurement[] },
): Promise<boolean> {
  const { numAffectedRows } = await sql`
    insert into gate_results (deployment_id, name, phase, required, verdict, detail, measurements, measured_at)
    select ${deploymentId}, ${result.name}, ${result.phase}, ${result.required}, ${result.verdict}, ${result.detail},
      ${JSON.stringify(measurements)}, ${result.measuredAt}
    where exists (
      select 1 from stack_writers
      where stack_id = ${fence.stackId} and holder = ${fence.attemptId} and epoch = ${fence.epoch} and expires_at > now())
    on conflict (deployment_id, phase, name) do update
      set required = excluded.required, verdict = excluded.verdict, detail = excluded.detail,
        measurements = excluded.measurements, measured_at = excluded.measured_at
  `.execute(db);
  return numAffectedRows === 1n;
}
