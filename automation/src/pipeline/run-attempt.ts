import { rm } from "node:fs/promises";
import { crashQuarantine } from "../attempts/crashes-store.ts";
import { recordProcesses } from "../attempts/places-store.ts";
import type { Claim } from "../attempts/store.ts";
import { holdFence, startAttempt } from "../attempts/store.ts";
import { appendAudit } from "../audit/store.ts";
import { subjectOf } from "../audit/subject.ts";
import { insertSteps } from "../deployments/completion.ts";
import { readTraceParent } from "../deployments/store.ts";
import { newestRelease } from "../drift/store.ts";
import { messageOf, SlipwayError } from "../errors.ts";
import { readRequiredGates } from "../gates/required-store.ts";
import { readPromoted } from "../promotions/store.ts";
import type { PinnedRelease } from "../releases/store.ts";
import { pinnedRelease, releaseOf } from "../releases/store.ts";
import { quarantined, refusedMeanwhile } from "../rollbacks/refusals.ts";
import { hasManifest } from "../shipments/rules.ts";
import type { AttemptRun, Step, StepOutcome } from "./attempt-run.ts";
import { failureOf } from "./attempt-run.ts";
import { openAttemptSpans } from "./attempt-spans.ts";
import { measureBaselines } from "./baselines.ts";
import { beginChange } from "./begin-change.ts";
import {
  concludeCancel,
  concludeFailure,
  concludeLost,
  concludeOver,
  concludeSuccess,
  concludeUnapproved,
  concludeWaiting,
} from "./conclude.ts";
import { concludeDrift } from "./conclude-drift.ts";
import type { WorkerContext } from "./context.ts";
import { principalOf } from "./context.ts";
import type { EventWriter } from "./event-writer.ts";
import { openEventWriter } from "./event-writer.ts";
import { stepResults } from "./facts-store.ts";
import { frozenMeanwhile } from "./frozen-step.ts";
import { hasGatesAfter } from "./gate-surroundings.ts";
import { keepLease } from "./lease-keeper.ts";
import { measureStep } from "./measure-step.ts";
import type { StepName } from "./operations.ts";
import { BEGINNING_STEPS, CHANGING_STEPS, isKept, stepsOf } from "./operations.ts";
import { completeUpdate, factsOf } from "./record-release.ts";
import { accountResources } from "./resource-account.ts";
import type { ChangingUpdate } from "./settle-updates.ts";
import { completedIn, lockChangingUpdates } from "./settle-updates.ts";
import { approval } from "./steps/approval.ts";
import { build, test } from "./steps/build.ts";
import { consent } from "./steps/consent.ts";
import { detectDrift } from "./steps/detect-drift.ts";
import { destroy, preview, refresh, update } from "./steps/engine.ts";
import { gatesAfter, gatesBefore } from "./steps/gates.ts";
import { policy } from "./steps/policy.ts";
import { prepare } from "./steps/prepare.ts";
import { reconcile } from "./steps/reconcile.ts";
import { seal } from "./steps/seal.ts";
import { ship } from "./steps/ship.ts";
import type { StopSwitch } from "./stop-reason.ts";
import type { ReadyContainment } from "./warm-containments.ts";
import { keepFailure } from "./work-folders.ts";

/** `release` has no work of its own: it is the transaction that ends a deployment. */
const STEPS: Readonly<Record<Exclude<StepName, "release">, Step>> = {
  prepare,
  build,
  test,
  "gates-before": gatesBefore,
  reconcile,
  consent,
  preview,
  policy,
  seal,
  approval,
  update,
  refresh,
  destroy,
  ship,
  "detect-drift": detectDrift,
  "gates-after": gatesAfter,
};

/** What is left to do once an update is complete: the rest goes by what earlier attempts recorded. */
const STEPS_AFTER_A_LOSS: readonly StepName[] = ["prepare", "build", "ship", "gates-after"];

/** What an engine came to whose update the state backend knows to be complete. */
const ENDED_WELL = { status: "succeeded", exitCode: 0, signal: null, durationMs: 0 } as const;

const MS_PER_SECOND = 1_000;

/** How the steps of an attempt ended. */
type Result =
  | { kind: "succeeded" }
  | { kind: "stopped" }
  | { kind: "waits"; detail: string; asks?: "votes" }
  | { kind: "over"; status: "stale" | "rejected" | "expired"; failure: Parameters<typeof concludeFailure>[2] }
  | { kind: "failed"; step: string; failure: Parameters<typeof concludeFailure>[2] };

/**
 * Runs one claimed deployment to its end and frees its stack. Resolves whatever happens: what keeps an attempt from being concluded is logged, and the takeover of its lease
 * tells the rest.
 */
export async function runAttempt(
  context: WorkerContext,
  claim: Claim,
  ready: ReadyContainment,
  stop: StopSwitch,
): Promise<void> {
  const { containment, folder } = ready;
  const ended = new AbortController();
  const onCancel = (): void => {
    stop.stop("cancelled");
    containment.interrupt(context.cancelGraceMs);
  };
  const onLost = (): void => {
    stop.stop("lost");
    containment.kill();
  };
  const lease = keepLease(context, claim, containment, { onCancel, onLost }, ended.signal);
  const startedSteps: string[] = [];
  let end: AttemptEnd = "failed";
  const about = {
    deployment: claim.deploymentId,
    attempt: claim.attempt,
    operation: claim.operation,
    stack: `${claim.organisation}/${claim.project}/${claim.stack}`,
  };
  context.logger.info(about, "an attempt begins");
  let run: AttemptRun | undefined;
  try {
    run = await begin(context, claim, ready, stop, onLost);
    end = await carryOut(run, stop, startedSteps);
  } catch (error) {
    const level = error instanceof SlipwayError && error.code === "lease_lost" ? "warn" : "error";
    context.logger[level](
      { deployment: claim.deploymentId, error: messageOf(error) },
      "the attempt was not concluded",
    );
  } finally {
    containment.kill();
    await containment.ended;
    ended.abort();
    await lease;
    run?.spans.end(end === "failed" ? (stop.reason() ?? end) : undefined);
    context.logger.info({ ...about, end }, "an attempt has ended");
    await tidy(context, claim, folder, end);
  }
}

async function begin(
  context: WorkerContext,
  claim: Claim,
  ready: ReadyContainment,
  stop: StopSwitch,
  onLost: () => void,
): Promise<AttemptRun> {
  const { earlier, pinned, promoted, completed, release, refusal, halted, requiredGates, traceParent } =
    await context.db.transaction().execute(async (trx) => {
      // A worker that was stopped since its claim may have been taken over: then there is nothing to begin, and nothing to tell of.
      await holdFence(trx, claim);
      await startAttempt(trx, claim.attemptId);
      await recordProcesses(trx, claim.attemptId, ready.containment.processes);
      await insertSteps(trx, claim.deploymentId, stepsOfClaim(claim));
      await appendAudit(trx, {
        principal: principalOf(context),
        action: "deployment.started",
        organisation: claim.organisation,
        subject: subjectOf(claim),
        details: { deployment: claim.deploymentId, attempt: claim.attempt },
        requestId: null,
      });
      // A check that waited, or begins anew, looks with what was deployed meanwhile.
      const number =
        claim.operation === "detect-drift" ? await newestRelease(trx, claim.stackId) : claim.targetRelease;
      const target: PinnedRelease | undefined =
        number === null ? undefined : await pinnedRelease(trx, claim.stackId, number);
      const promoted = await readPromoted(trx, claim.deploymentId);
      const crash = await crashQuarantine(trx, claim.deploymentId);
      return {
        promoted,
        earlier: await stepResults(trx, claim.deploymentId),
        pinned: target ?? null,
        completed: completedIn(await lockChangingUpdates(trx, claim), claim.operation),
        release: await releaseOf(trx, claim.deploymentId),
        refusal: crash?.reason ?? promoted?.refusal ?? null,
        halted: await refusedMeanwhile(trx, claim),
        requiredGates: (await readRequiredGates(trx, claim.stackId)).items.map(({ gate }) => gate),
        traceParent: context.tracing.isOn ? await readTraceParent(trx, claim.deploymentId) : null,
      };
    });
  const events = openEventWriter(context.db, claim, context.clock, onLost);
  events.emit({
    type: "status",
    status: "running",
    detail: claim.attempt > 1 ? `attempt ${claim.attempt}` : null,
  });
  tellLadder(context, ready, stop, events);
  return {
    context,
    claim,
    containment: ready.containment,
    folder: ready.folder,
    events,
    spans: openAttemptSpans(context.tracing, claim, traceParent),
    stop: stop.signal,
    pinned,
    account: accountResources(),
    earlier,
    completed,
    promoted: promoted ?? null,
    refusal,
    halted,
    requiredGates,
    results: {
      artifacts: pinned?.artifacts ?? promoted?.artifacts ?? [],
      gates: [],
      serviceRuns: [],
      ...(release === undefined ? {} : { release }),
    },
  };
}

/** Shows in the events how an attempt is stopped, rung by rung. */
function tellLadder(
  { cancelGraceMs }: WorkerContext,
  { containment }: ReadyContainment,
  stop: StopSwitch,
  events: EventWriter,
): void {
  const grace = `${Math.round(cancelGraceMs / MS_PER_SECOND)} s`;
  stop.signal.addEventListener("abort", () => {
    if (stop.reason() === "lost") return;
    const why = stop.reason() === "cancelled" ? "A cancel was asked for" : "The worker is to end";
    events.emit({ type: "stop", rung: "asked", detail: `${why}: nothing new is begun.` });
  });
  containment.onRung((rung) =>
    events.emit({
      type: "stop",
      rung,
      detail:
        rung === "interrupted"
          ? `Interrupted once (SIGINT); what is in flight may end within ${grace}.`
          : "It did not end within the grace: terminated (SIGTERM); what is left is killed in a moment.",
    }),
  );
}

/** How an attempt went. One that waits for votes or for its turn has failed at nothing. */
type AttemptEnd = "succeeded" | "waits" | "failed";

/** Runs the steps and concludes. */
async function carryOut(run: AttemptRun, stop: StopSwitch, startedSteps: string[]): Promise<AttemptEnd> {
  const { claim } = run;
  let result: Result;
  try {
    result = await runSteps(run, startedSteps);
  } catch (error) {
    if (stop.reason() === "lost" || (error instanceof SlipwayError && error.code === "lease_lost"))
      throw error;
    const crashed = error instanceof SlipwayError && error.code === "containment_ended";
    if (stop.reason() === null && crashed) {
      await containmentIsEmpty(run);
      await concludeLost(run, startedSteps, {
        why: "The runner of the attempt ended unexpectedly.",
        crashed: true,
      });
      return "failed";
    }
    result = crashed
      ? { kind: "stopped" }
      : { kind: "failed", step: "", failure: failureOf("internal", error) };
  }
  const hasRelease = stepsOfClaim(claim).includes("release");
  // Both take a moment, and the engine has said its last word on the state.
  const needsFacts = hasRelease && result.kind === "succeeded";
  const [facts] = await Promise.all([needsFacts ? factsOf(run) : null, containmentIsEmpty(run)]);
  const reason = stop.reason();
  if (reason === "lost") throw new SlipwayError("lease_lost", `attempt ${claim.attemptId} lost its lease`);
  if (claim.operation === "detect-drift" && reason === null && result.kind !== "stopped") {
    const looked = await concludeDrift(run, result.kind === "failed" ? result.failure : null);
    return looked ? "succeeded" : "failed";
  }
  if (result.kind === "succeeded") {
    await concludeSuccess(run, facts);
    return "succeeded";
  }
  if (result.kind === "waits" && reason === null) {
    await (result.asks === "votes"
      ? concludeUnapproved(run, result.detail)
      : concludeWaiting(run, result.detail));
    return "waits";
  }
  if (result.kind === "failed" && reason === null) await concludeFailure(run, result.step, result.failure);
  else if (result.kind === "over" && reason === null) await concludeOver(run, result.status, result.failure);
  else {
    const { reason: end } = await run.containment.ended;
    if (end === "killed")
      run.events.emit({ type: "stop", rung: "killed", detail: "What was left was killed (SIGKILL)." });
    run.events.emit({ type: "stop", rung: "empty", detail: "No process of the attempt is left." });
    if (reason === "drained")
      await concludeLost(run, startedSteps, { why: "The worker was stopped.", crashed: false });
    else await concludeCancel(run, startedSteps);
  }
  return "failed";
}

/** Those of the version that the deployment was queued with, whatever this program would queue today. */
function stepsOfClaim({ operation, options, operationVersion }: Claim): StepName[] {
  return stepsOf(operation, options, operationVersion);
}

async function runSteps(run: AttemptRun, startedSteps: string[]): Promise<Result> {
  if (run.halted !== null && run.completed === undefined)
    return { kind: "failed", step: "prepare", failure: run.halted };
  if (run.refusal !== null && run.completed === undefined)
    return { kind: "failed", step: "prepare", failure: quarantined(run.refusal) };
  for (const name of stepsOfClaim(run.claim)) {
    if (name === "release") break;
    // The last look at what ran before; a stop that comes meanwhile finds nothing begun.
    if (name === "update" && run.completed === undefined) await measureBaselines(run);
    if (run.stop.aborted && !isDone(run)) return { kind: "stopped" };
    if (run.completed !== undefined && !STEPS_AFTER_A_LOSS.includes(name)) {
      await passOver(run, run.completed, name);
      continue;
    }
    if (CHANGING_STEPS.includes(name)) await refuseWithoutContainment(run);
    const frozen = await frozenMeanwhile(run, name);
    if (frozen !== null) {
      run.events.step(name, "skipped", frozen.detail);
      return { kind: "failed", step: name, failure: frozen };
    }
    if (BEGINNING_STEPS.includes(name)) {
      const kept = await beginChange(run, name);
      const ended = kept === undefined ? null : await record(run, "approval", kept);
      if (ended !== null) return ended;
    } else run.events.step(name, "running");
    startedSteps.push(name);
    run.spans.step(name);
    // A takeover must know that things may have changed before anything can.
    if (CHANGING_STEPS.includes(name)) await run.events.flush();
    const outcome = await measureStep(run, name, STEPS[name]);
    run.spans.stepEnded(
      outcome.state === "failed" || outcome.state === "over" ? outcome.failure.code : undefined,
    );
    const ended = await record(run, name, outcome);
    if (ended !== null) return ended;
    // What a successor goes by must be there before the next step begins: else a worker that dies in that one has it done twice.
    if (isKept(name, run.claim.operation, { state: outcome.state, result: null, ageMs: 0 }))
      await run.events.flush();
  }
  return { kind: "succeeded" };
}

/** A containment that is gone can change nothing: to say that the step had begun would make a run that may simply run again one that a person must decide about. */
async function refuseWithoutContainment({ containment }: AttemptRun): Promise<void> {
  const lives = new Promise<false>((resolve) => setImmediate(resolve, false));
  if (await Promise.race([containment.ended.then(() => true), lives])) {
    throw new SlipwayError("containment_ended", "The containment ended before the step began.");
  }
}

/** A step that an earlier attempt did: what it came to is recorded, in case that attempt was lost before it could. */
async function passOver(run: AttemptRun, completed: ChangingUpdate, name: StepName): Promise<void> {
  if (run.earlier.get(name)?.state === "waiting")
    run.events.step(name, "skipped", "done, or passed over, by an earlier attempt");
  if (!CHANGING_STEPS.includes(name)) return;
  run.results.engine = { ...ENDED_WELL, errors: [], changes: completed.changes ?? {} };
  if (name === "update" && (await isVerifiedLater(run)) && run.results.release === undefined)
    await completeUpdate(run, "complete; recorded by a later attempt");
}

async function record(run: AttemptRun, name: StepName, outcome: StepOutcome): Promise<Result | null> {
  switch (outcome.state) {
    case "succeeded":
      if (name === "update" && (await isVerifiedLater(run)))
        await completeUpdate(run, outcome.detail ?? null);
      else run.events.step(name, "succeeded", outcome.detail ?? null, outcome.result);
      return null;
    case "skipped":
      run.events.step(name, "skipped", outcome.detail);
      return null;
    case "failed":
      run.events.step(name, "failed", outcome.failure.detail);
      return { kind: "failed", step: name, failure: outcome.failure };
    case "waits":
      run.events.step(name, "waiting", outcome.detail);
      return {
        kind: "waits",
        detail: outcome.detail,
        ...(outcome.asks === undefined ? {} : { asks: outcome.asks }),
      };
    case "over":
      run.events.step(name, "failed", outcome.failure.detail);
      return { kind: "over", status: outcome.status, failure: outcome.failure };
    case "stopped":
      run.events.step(name, "failed", "stopped");
      return { kind: "stopped" };
  }
}

/** The engine has done it all and nothing is left to decide: a wish to stop came too late, and hiding what happened would help nobody. */
function isDone(run: AttemptRun): boolean {
  return run.results.engine?.status === "succeeded" && !hasGatesAfter(run) && run.results.ships !== true;
}

/** Whether something is left to do after the update that decides about its release. */
async function isVerifiedLater(run: AttemptRun): Promise<boolean> {
  if (stepsOfClaim(run.claim).includes("ship")) run.results.ships = hasManifest((await factsOf(run)).outputs);
  return hasGatesAfter(run) || run.results.ships === true;
}

/** The stack may only be freed when nothing of the attempt runs any more. */
async function containmentIsEmpty(run: AttemptRun): Promise<void> {
  const end = await run.containment.close();
  if (end.empty) return;
  throw new SlipwayError(
    "containment_not_empty",
    `processes of attempt ${run.claim.attemptId} may still run`,
    {
      remedy: "The lease is left to expire; see the guardian's log in the attempt's folder.",
    },
  );
}

async function tidy(context: WorkerContext, claim: Claim, folder: string, end: AttemptEnd): Promise<void> {
  try {
    if (end === "failed") await keepFailure(context.dataDir, claim.stackId, folder);
    else await rm(folder, { recursive: true, force: true });
  } catch (error) {
    context.logger.warn({ folder, error: messageOf(error) }, "the folder of an attempt was not tidied up");
  }
}
