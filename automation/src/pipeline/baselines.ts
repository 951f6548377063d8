import type { Measurement } from "../contract/gates.ts";
import { createRedactor } from "../engine/redact.ts";
import type { Surroundings } from "../gates/look.ts";
import { measure } from "../gates/measure.ts";
import type { SourcedGate } from "../gates/merge.ts";
import { recordBaselines } from "../gates/store.ts";
import { currentFacts } from "../state/current-facts.ts";
import { holdWhileDatabaseIsAway } from "../state/hold.ts";
import type { AttemptRun } from "./attempt-run.ts";
import { preparedOf } from "./attempt-run.ts";
import { gatesOf, surroundingsOf } from "./gate-surroundings.ts";
import { inFence } from "./record-release.ts";

/**
 * Looks once through the http and metric gates after an update at what runs before it: one that fails now says nothing about the update. Nothing is looked at for a stack without resources,
 * whose gates can only fail, and before a rollback, which is there because they fail.
 */
export async function measureBaselines(run: AttemptRun): Promise<void> {
  const gates = gatesOf(run).filter(
    ({ gate }) =>
      gate.phase === "after" &&
      gate.baseline !== false &&
      (gate.http !== undefined || gate.metric !== undefined),
  );
  if (gates.length === 0 || run.claim.operation !== "update") return;
  const { context, claim } = run;
  const current = await holdWhileDatabaseIsAway(
    () => currentFacts(context.db, context.keyring, claim.stackId),
    run.stop,
  );
  if (current === null || current.facts.ownResourceCount === 0) return;
  const { json, text: clean } = createRedactor(preparedOf(run).secrets);
  const outputs = json(current.facts.outputs) as Record<string, unknown>;
  const surroundings = surroundingsOf(run, "update", { outputs, updateEndedAtMs: null });
  const looked = await Promise.all(gates.map((gate) => lookAt(run, gate, surroundings, clean)));
  if (run.stop.aborted) return;
  await run.events.flush();
  await inFence(run, (trx) => recordBaselines(trx, claim.deploymentId, new Map(looked.flat())));
}

async function lookAt(
  run: AttemptRun,
  { gate }: SourcedGate,
  surroundings: Surroundings,
  clean: (text: string) => string,
): Promise<[string, Measurement][]> {
  const at = run.context.clock.now().toISOString();
  const { verdict, detail, value, cannotStart } = await measure(gate, surroundings);
  // What only the new version has cannot be looked at yet.
  if (cannotStart === true) return [];
  return [[gate.name, { at, afterSeconds: 0, verdict, detail: clean(detail), value }]];
}
