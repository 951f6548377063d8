import { leaseLost } from "../../attempts/store.ts";
import type { GateResult } from "../../contract/deployments.ts";
import type { GatePhase, Measurement } from "../../contract/gates.ts";
import { createRedactor } from "../../engine/redact.ts";
import { measure, readsReports } from "../../gates/measure.ts";
import type { SourcedGate } from "../../gates/merge.ts";
import { metricNotBefore } from "../../gates/query-window.ts";
import { recordOf } from "../../gates/result.ts";
import { runGate } from "../../gates/run-gate.ts";
import { findGate, readBaselines, recordGate } from "../../gates/store.ts";
import { timingOf } from "../../gates/timing.ts";
import { decideByGates } from "../../releases/rules.ts";
import { holdWhileDatabaseIsAway } from "../../state/hold.ts";
import type { AttemptRun, StepOutcome } from "../attempt-run.ts";
import { keptResult, preparedOf } from "../attempt-run.ts";
import type { GateSurroundings } from "../gate-surroundings.ts";
import { gatesOf, surroundingsOf } from "../gate-surroundings.ts";
import { factsOf } from "../record-release.ts";

/** Gates before the update: a required one that does not pass ends the deployment; nothing has been touched. */
export async function gatesBefore(run: AttemptRun): Promise<StepOutcome> {
  if (keptResult(run, "gates-before") !== undefined) {
    return { state: "succeeded", detail: "passed in an earlier attempt, a moment ago" };
  }
  const results = await runPhase(run, "before");
  if (results === null) return { state: "skipped", detail: "no gates before the update" };
  if (run.stop.aborted) return { state: "stopped" };
  const decision = decideByGates(results);
  if (decision.kind === "good") return { state: "succeeded" };
  return {
    state: "failed",
    failure: {
      code: decision.kind === "bad" ? "gate_failed" : "gate_undecided",
      detail: `Gate '${decision.gate}' before the update: ${decision.detail}`,
      remedy: "Nothing was changed. Deploy again when the gate passes.",
    },
  };
}

/** Gates after the update; what follows from them is decided with the release. */
export async function gatesAfter(run: AttemptRun): Promise<StepOutcome> {
  const results = await runPhase(run, "after");
  if (results === null) return { state: "skipped", detail: "no gates after the update" };
  if (run.stop.aborted) return { state: "stopped" };
  run.results.gates = results;
  const decision = decideByGates(results);
  if (decision.kind === "good") return { state: "succeeded" };
  const detail = `Gate '${decision.gate}' after the update: ${decision.detail}`;
  return decision.kind === "bad"
    ? { state: "failed", failure: { code: "gate_failed", detail: `${detail}.`, remedy: null } }
    : {
        state: "failed",
        failure: {
          code: "gate_undecided",
          detail: `${detail}. The release is neither good nor bad, so nothing was rolled back.`,
          remedy: "Look at what runs; then deploy again, or roll back by hand.",
        },
      };
}

/**
 * Measures the gates of a phase; null when there are none. Quick ones one after another in their order, because one may need what the one before it waited for; then those that bake, all
 * together, so that two bakes take no longer than one.
 */
async function runPhase(run: AttemptRun, phase: GatePhase): Promise<GateResult[] | null> {
  const gates = gatesOf(run).filter(({ gate }) => gate.phase === phase);
  if (gates.length === 0) return null;
  const surroundings = surroundingsOf(run, `gates-${phase}`, {
    outputs: phase === "after" && run.results.engine !== undefined ? (await factsOf(run)).outputs : {},
    updateEndedAtMs: phase === "after" ? run.context.clock.now().getTime() : null,
  });
  const baselines =
    phase === "after"
      ? await holdWhileDatabaseIsAway(() => readBaselines(run.context.db, run.claim.deploymentId), run.stop)
      : new Map<string, Measurement>();
  const results = new Map<SourcedGate, GateResult>();
  const listed = (): GateResult[] => gates.flatMap((gate) => results.get(gate) ?? []);
  const isOver = (): boolean => run.stop.aborted || decideByGates(listed()).kind === "bad";

  for (const sourced of gates.filter(({ gate }) => timingOf(gate).kind !== "bake")) {
    // The answer is known; the gates behind it could only make everybody wait.
    if (isOver()) return listed();
    results.set(sourced, await runOne(run, sourced, surroundings, baselines));
  }
  if (isOver()) return listed();
  const known = new AbortController();
  const signal = AbortSignal.any([run.stop, known.signal]);
  const bakes = gates.filter(({ gate }) => timingOf(gate).kind === "bake");
  const ended = await Promise.allSettled(
    bakes.map(async (sourced) => {
      results.set(sourced, await runOne(run, sourced, { ...surroundings, signal }, baselines));
      if (isOver()) known.abort();
    }),
  );
  const broken = ended.find((one) => one.status === "rejected");
  if (broken !== undefined) throw broken.reason;
  return listed();
}

/** Measures one gate, records it and tells of it. */
async function runOne(
  run: AttemptRun,
  sourced: SourcedGate,
  surroundings: GateSurroundings,
  baselines: ReadonlyMap<string, Measurement>,
): Promise<GateResult> {
  const { gate } = sourced;
  const kept = await keptReport(run, sourced);
  if (kept !== undefined) return kept;
  const timing = timingOf(gate);
  const notBefore =
    gate.metric === undefined || surroundings.updateEndedAtMs === null || timing.kind === "once"
      ? 0
      : metricNotBefore(gate.metric, timing.warmUpSeconds, surroundings.updateEndedAtMs);
  const measured = await runGate(
    gate,
    timing,
    () => measure(gate, surroundings),
    run.context.clock,
    surroundings.signal,
    notBefore,
  );
  const { text: clean } = createRedactor(preparedOf(run).secrets);
  const record = recordOf(sourced, measured, baselines.get(gate.name) ?? null, clean);
  const isRecorded = await holdWhileDatabaseIsAway(
    () => recordGate(run.context.db, run.claim, run.claim.deploymentId, record),
    run.stop,
  );
  if (!isRecorded) throw leaseLost(run.claim);
  run.events.emit({ type: "gate", gate: record.result });
  return record.result;
}

/** What reports said in the attempt whose tests wrote them: tests that are not run again leave none, and of the same source they would say the same. */
async function keptReport(run: AttemptRun, { gate }: SourcedGate): Promise<GateResult | undefined> {
  if (gate.phase !== "before" || !readsReports(gate) || keptResult(run, "test") === undefined)
    return undefined;
  const known = await holdWhileDatabaseIsAway(
    () => findGate(run.context.db, run.claim.deploymentId, gate.phase, gate.name),
    run.stop,
  );
  if (known === undefined || known.verdict === "error" || known.verdict === "inconclusive") return undefined;
  const { name, phase, required, dryRun, verdict, detail, measuredAt } = known;
  return { name, phase, required, verdict, detail, measuredAt, ...(dryRun ? { dryRun } : {}) };
}
