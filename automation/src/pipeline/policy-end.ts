import { holdFence } from "../attempts/store.ts";
import type { EngineOperation, RequestOutcome } from "../engine/runner-protocol.ts";
import { insertResults } from "../policies/results-store.ts";
import { judge, nameOf } from "../policies/rules.ts";
import { holdWhileDatabaseIsAway } from "../state/hold.ts";
import type { AttemptRun, StepOutcome } from "./attempt-run.ts";
import { endedByPackTrouble, findingsOfPacks, tellUnasked, withoutReporting } from "./policy-findings.ts";

/** A pack that could not do its work is told as such: what the engine says of it sounds like a mistake of the program. */
export function tellPackTrouble(run: AttemptRun, ended: RequestOutcome, outcome: StepOutcome): StepOutcome {
  if (outcome.state !== "failed" || !endedByPackTrouble(run.results.policies, ended)) return outcome;
  return {
    state: "failed",
    failure: {
      code: "policy_unchecked",
      detail: `A policy pack could not do its work: ${outcome.failure.detail}`,
      remedy: "Nothing was changed. Correct the pack, or let an admin end the rule that asks for it.",
    },
  };
}

/** Leaves the packs out that can only report, when one of them may be why the engine ended: going back must not fail for them. Answers whether it is to be tried again without. */
export function leaveOutReporting(run: AttemptRun, ended: RequestOutcome): boolean {
  const { policies } = run.results;
  const rest = policies && withoutReporting(policies, ended);
  if (rest === undefined || run.stop.aborted) return false;
  for (const pack of rest.unasked.slice(policies?.unasked.length)) tellUnasked(run, "preview", pack);
  run.results.policies = rest;
  return true;
}

/** Records what packs found only during the update, in values that no preview knows. */
export async function recordDuringUpdate(run: AttemptRun, operation: EngineOperation): Promise<void> {
  const { claim, context, results } = run;
  const { policies } = results;
  if (operation !== "update" || policies === undefined) return;
  const known = new Set((policies.found ?? []).map(nameOf));
  const findings = findingsOfPacks(policies, results.packs).filter((finding) => !known.has(nameOf(finding)));
  if (findings.length === 0) return;
  const judged = judge(findings, policies.override?.findings ?? [], policies.reporting);
  await holdWhileDatabaseIsAway(
    () =>
      context.db.transaction().execute(async (trx) => {
        await holdFence(trx, claim);
        await insertResults(trx, claim, "update", judged);
      }),
    run.stop,
  );
}

/** An update that a policy ended half-way says which: the engine itself says nothing. */
export function tellViolation(run: AttemptRun, outcome: StepOutcome): StepOutcome {
  const violation = run.results.packs?.findings.find(({ level }) => level === "mandatory");
  if (outcome.state !== "failed" || violation === undefined) return outcome;
  const { pack, policy, message } = violation;
  return {
    state: "failed",
    failure: {
      ...outcome.failure,
      detail: `${pack}/${policy} stopped the update, by a value that no preview knows: ${message.replace(/\.?$/, ".")} ${outcome.failure.detail}`,
    },
  };
}
