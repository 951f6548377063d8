import { leaseLost } from "../../attempts/store.ts";
import type { GateResult } from "../../contract/deployments.ts";
import { measureHttp } from "../../gates/measure-http.ts";
import type { Verdict } from "../../gates/rules.ts";
import { runGate } from "../../gates/run-gate.ts";
import { recordGate } from "../../gates/store.ts";
import { decideByGates } from "../../releases/rules.ts";
import type { Gate } from "../../sources/slipway-yaml.ts";
import { holdWhileDatabaseIsAway } from "../../state/hold.ts";
import type { AttemptRun, StepOutcome } from "../attempt-run.ts";
import { keptResult, preparedOf } from "../attempt-run.ts";
import { factsOf } from "../record-release.ts";
import { describeFailure, runCommand } from "../run-command.ts";

const MS_PER_SECOND = 1_000;

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

/** Measures the gates of a phase one after another; null when there are none. */
async function runPhase(run: AttemptRun, phase: "before" | "after"): Promise<GateResult[] | null> {
  const gates = preparedOf(run).files.manifest.gates.filter((gate) => gate.phase === phase);
  if (gates.length === 0) return null;
  const results: GateResult[] = [];
  for (const gate of gates) {
    if (run.stop.aborted) break;
    const measured = await runGate(
      gate,
      () => measure(run, gate, `gates-${phase}`),
      run.context.clock,
      run.stop,
    );
    const isRecorded = await holdWhileDatabaseIsAway(
      () => recordGate(run.context.db, run.claim, run.claim.deploymentId, measured),
      run.stop,
    );
    if (!isRecorded) throw leaseLost(run.claim);
    run.events.emit({ type: "gate", gate: measured.result });
    results.push(measured.result);
    // The answer is known; the gates behind it could only make everybody wait.
    if (decideByGates(results).kind === "bad") break;
  }
  return results;
}

/** Of the update; before it there are none. */
async function outputsOf(run: AttemptRun): Promise<Readonly<Record<string, unknown>>> {
  return run.results.engine === undefined ? {} : (await factsOf(run)).outputs;
}

async function measure(
  run: AttemptRun,
  gate: Gate,
  step: string,
): Promise<{ verdict: Verdict; detail: string }> {
  const timeoutMs = gate.timeoutSeconds * MS_PER_SECOND;
  if (gate.http !== undefined) {
    return measureHttp(gate.http, await outputsOf(run), timeoutMs, run.stop);
  }
  const { workDir, commandEnvironment, secrets } = preparedOf(run);
  const argv = gate.command ?? [];
  const { outcome, tail } = await runCommand(run, step, {
    argv,
    cwd: workDir,
    env: { ...commandEnvironment, SLIPWAY_OUTPUTS: JSON.stringify(await outputsOf(run)) },
    timeoutSeconds: gate.timeoutSeconds,
    secrets,
  });
  if (outcome.status === "succeeded") return { verdict: "pass", detail: `'${argv.join(" ")}' exited with 0` };
  if (outcome.status === "interrupted")
    return { verdict: "inconclusive", detail: "ended before it was decided" };
  // A program that is not there says nothing about what it should have looked at.
  const verdict =
    outcome.exitCode === null && outcome.signal === null && outcome.status === "failed" ? "error" : "fail";
  return { verdict, detail: describeFailure(argv, outcome, tail) };
}
