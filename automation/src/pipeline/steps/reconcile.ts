import { touchedUrns } from "../../rollbacks/created-store.ts";
import { currentFacts } from "../../state/current-facts.ts";
import { holdWhileDatabaseIsAway } from "../../state/hold.ts";
import type { AttemptRun, StepOutcome } from "../attempt-run.ts";
import { keptResult } from "../attempt-run.ts";
import { bindToKeeper } from "../local-target.ts";
import { failedEngine, runEngine } from "../run-engine.ts";

/** With more than so many the whole stack is read again: naming each costs more than it spares. */
const MOST_NAMED = 1_000;

/**
 * Before a rollback: reads again what deployments after its release have touched, and nothing else, so that what is previewed is today's state. Changes no resource. Once a deployment: what
 * is approved later names the state that this left.
 */
export async function reconcile(run: AttemptRun): Promise<StepOutcome> {
  const { context, claim, pinned } = run;
  if (pinned === null) return { state: "skipped", detail: "there is no release to go back to" };
  if (keptResult(run, "reconcile") !== undefined)
    return { state: "succeeded", detail: "read again by an earlier attempt" };
  const { touched, known } = await holdWhileDatabaseIsAway(async () => {
    const current = await currentFacts(context.db, context.keyring, claim.stackId);
    return {
      touched: await touchedUrns(context.db, claim.stackId, pinned.number),
      known: new Set(current?.facts.resources.map(({ urn }) => urn)),
    };
  }, run.stop);
  const targets = touched.filter((urn) => known.has(urn));
  if (targets.length === 0) return { state: "skipped", detail: "nothing was touched that is still there" };
  const failure = await bindToKeeper(run);
  if (failure !== null) return { state: "failed", failure };
  const named = targets.length > MOST_NAMED ? {} : { targets };
  const outcome = await runEngine(run, "reconcile", "refresh", {}, () => {}, named);
  if (outcome.status !== "succeeded") return failedEngine(run, "refresh", outcome);
  return { state: "succeeded", detail: `read ${targets.length} resources again that were touched since` };
}
