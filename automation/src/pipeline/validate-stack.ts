import { ValidationReport } from "../contract/aws/validation.ts";
import type { ValidateCheck } from "../contract/gates.ts";
import type { Look } from "../gates/look.ts";
import { cannotStart } from "../gates/look.ts";
import { hasManifest, manifestOf } from "../shipments/rules.ts";
import { recordValidation, servingShipment } from "../shipments/store.ts";
import { holdWhileDatabaseIsAway } from "../state/hold.ts";
import type { AttemptRun } from "./attempt-run.ts";
import { runAwsTask } from "./aws-tasks.ts";
import { inFence } from "./record-release.ts";

const MOST_NAMED = 5;

/** Validates a stack on AWS for a gate, and keeps the report. */
export async function validateStack(
  run: AttemptRun,
  step: string,
  {
    gate,
    check,
    outputs,
  }: { gate: string; check: ValidateCheck; outputs: Readonly<Record<string, unknown>> },
): Promise<Look> {
  const { context, claim, stop } = run;
  if (!hasManifest(outputs)) return cannotStart("the stack has no output 'manifest' of the target aws");
  const manifest = manifestOf(outputs);
  const serving = await holdWhileDatabaseIsAway(() => servingShipment(context.db, claim.stackId), stop);
  const { only, except, settings, timeoutSeconds } = check;
  const input = {
    manifest,
    choice: { ...(only === undefined ? {} : { only }), ...(except === undefined ? {} : { except }) },
    settings,
    deployedAt: serving?.shippedAt ?? context.clock.now().toISOString(),
  };
  const request = { task: "validate", region: manifest.region, input } as const;
  const { answer, why, isStopped } = await runAwsTask(run, step, request, timeoutSeconds);
  if (isStopped) return { verdict: "inconclusive", detail: "ended before it was decided", value: null };
  if (answer === null)
    return { verdict: "error", detail: `the validation gave no report: ${why}`, value: null };
  if (answer.state === "failed") return { verdict: "error", detail: answer.failure.message, value: null };
  const report = ValidationReport.parse(answer.result);
  const { stackId, deploymentId, attempt } = claim;
  await inFence(run, (trx) => recordValidation(trx, { stackId, deploymentId, attempt, gate, report }));
  return lookOf(report);
}

/** What a report comes to: one failed check fails it. */
export function lookOf({ state, counts, checks }: ValidationReport): Look {
  const failed = checks.filter((one) => one.state === "failed");
  const named = failed
    .slice(0, MOST_NAMED)
    .map(({ group, check, detail }) => `${group} ${check}: ${detail}`)
    .join("; ");
  const more = failed.length > MOST_NAMED ? `; and ${failed.length - MOST_NAMED} more` : "";
  const counted = `${counts.passed} passed, ${counts.failed} failed, ${counts.notApplicable} not applicable`;
  return {
    verdict: state === "passed" ? "pass" : "fail",
    detail: failed.length === 0 ? counted : `${counted}: ${named}${more}`,
    value: counts.failed,
    output: checks.map((one) => `${one.group} ${one.check}: ${one.state}, ${one.detail}`).join("\n"),
  };
}
