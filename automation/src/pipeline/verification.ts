import { sql } from "kysely";
import type { Transaction } from "../database.ts";
import type { DataChange } from "../rollbacks/irreversible.ts";
import { moveVerification } from "../rollbacks/verification-store.ts";
import type { AttemptRun } from "./attempt-run.ts";
import { preparedOf } from "./attempt-run.ts";
import { principalOf } from "./context.ts";
import { stepsOf } from "./operations.ts";

/** Whether what an attempt does is verified: it makes a release. */
function isVerified({ claim }: AttemptRun): boolean {
  return stepsOf(claim.operation, claim.options, claim.operationVersion).includes("release");
}

/** Notes that the update begins, and what its source says of its data, in the transaction that decides that it may. */
export async function markUpdating(trx: Transaction, run: AttemptRun): Promise<void> {
  if (!isVerified(run)) return;
  const { claim, context } = run;
  const { release } = preparedOf(run).files.manifest;
  const change: DataChange = {
    schema: release?.schema ?? null,
    level: release?.level ?? 0,
    rollbackFloor: release?.rollbackFloor ?? null,
  };
  await sql`update deployments set data_change = ${JSON.stringify(change)} where id = ${claim.deploymentId}`.execute(
    trx,
  );
  await moveVerification(trx, claim, "updating", {
    reason: `attempt ${claim.attempt} begins the update`,
    principal: principalOf(context),
  });
}

/** Notes that the update is complete and its gates decide from now on. */
export async function markVerifying(trx: Transaction, run: AttemptRun, release: number): Promise<void> {
  await moveVerification(trx, run.claim, "verifying", {
    reason: "the update is complete",
    evidence: { release },
    principal: principalOf(run.context),
  });
}
