import type { ChangeNow, Changing } from "../approvals/begin.ts";
import { losesProtection, riskOf } from "../approvals/risk.ts";
import { readGuard } from "../approvals/rule-sets-store.ts";
import { sealOf } from "../approvals/store.ts";
import type { Database } from "../database.ts";
import { changedOutputs } from "../seals/plan-file.ts";
import type { AttemptRun } from "./attempt-run.ts";
import { shippedTypes } from "./shipped-types.ts";

/** The deployment of an attempt as approvals know it. */
export function changingOf({ claim, results }: AttemptRun): Changing {
  const { deploymentId, stackId, attemptId, organisation, project, stack, cause } = claim;
  const covered = results.rollback?.covered === true;
  return { deploymentId, stackId, attemptId, organisation, project, stack, cause, covered };
}

/** What is to change, by this attempt's own preview and the stack's settings of now. Without a preview nobody knows. */
export async function changeNow(run: AttemptRun, db: Database): Promise<ChangeNow> {
  const { claim, results } = run;
  const seal = (await sealOf(db, claim.deploymentId)) ?? null;
  if (results.previewed === undefined)
    return { seal, change: { operation: claim.operation, risk: null, types: [] } };
  const { steps, plan } = results.previewed;
  const guard = await readGuard(db, claim.stackId);
  const shipped = await shippedTypes(run, db);
  const { tier, reasons, counts } = riskOf(steps, claim.operation, {
    statefulTypes: guard?.rules.statefulTypes ?? [],
    ships: shipped.length > 0,
    outputs: plan === null ? [] : changedOutputs(plan),
    clears: claim.options.clearPendingCreates?.length ?? 0,
  });
  const planned = steps
    .filter((step) => counts[step.operation] !== undefined || losesProtection(step))
    .map(({ type }) => type);
  const types = new Set([...planned, ...shipped]);
  return {
    seal,
    change: {
      operation: claim.operation,
      risk: { tier, reasons: [...reasons], counts: { ...counts } },
      types: [...types].sort(),
    },
  };
}
