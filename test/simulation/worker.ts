import type { StepName } from "../../automation/src/pipeline/operations.ts";
import { CHANGING_STEPS, KNOWN_VERSIONS } from "../../automation/src/pipeline/operations.ts";
import * as approvals from "./approval-statements.ts";
import type { Containment, EngineOutcome } from "./containment.ts";
import { changeResources, openContainment } from "./containment.ts";
import type { Claimed, StepChange } from "./statements.ts";
import * as statements from "./statements.ts";
import { LeaseLost } from "./statements.ts";
import type { Rows } from "./store.ts";
import { Conflict } from "./store.ts";
import type { System } from "./system.ts";
import { hold, name, record, transact, wallClock } from "./system.ts";
import type { Machine, Process, Wait } from "./world.ts";
import { Away, sleep } from "./world.ts";

const SWEEP_MS = 2_000;
const RENEWAL_MS = 3_000;
const GRACE_MS = 4_000;
const CONCURRENCY = 2;

/** Why an attempt stops before its end. */
interface Stop {
  reason: "cancelled" | "lost" | null;
}

/** A worker at work: it claims when it is woken or every two seconds, and takes over what others have left. */
export function startWorker(system: System, machine: Machine): Process {
  const { world, rules } = system;
  const worker = world.start(name(system, "worker"), machine);
  const workerId = worker.name;
  let running = 0;
  let isKnown = false;
  let pumping = false;
  /** Of a containment that is ready; the attempt takes its id from it. */
  let spare: string | null = null;

  function* startOne(): Wait<boolean> {
    const attemptId = spare ?? name(system, "attempt");
    spare = null;
    const askedAt = world.now();
    let claimed: Claimed | null;
    try {
      claimed = yield* transact(system, worker, `${workerId} claims`, (trx) =>
        statements.claim(trx, rules, { workerId, attemptId }),
      );
    } catch (error) {
      if (!rules.habits.dropsAttemptAfterLostReply) spare = attemptId;
      throw error;
    }
    if (claimed === null) {
      spare = attemptId;
      return false;
    }
    const won = claimed;
    // So late that what began now could outlast the lease.
    if (rules.habits.deadlineFromTheAsk && world.now() - askedAt >= rules.containedMs) return true;
    running += 1;
    const from = rules.habits.deadlineFromTheAsk ? askedAt : world.now();
    const containment = openContainment(system, worker, won, from);
    world.spawn(worker, function* attempt() {
      try {
        yield* runAttempt(system, worker, won, containment);
      } finally {
        running -= 1;
        wake();
      }
    });
    return true;
  }
  function* pump(): Wait {
    try {
      while (running < CONCURRENCY && (yield* startOne()));
    } catch (error) {
      // So does the next sweep.
      if (!(error instanceof Away || error instanceof Conflict)) throw error;
    } finally {
      pumping = false;
    }
  }
  const wake = (): void => {
    if (!isKnown || pumping || !worker.alive || worker.paused) return;
    pumping = true;
    world.spawn(worker, pump);
  };
  system.hints.add(wake);
  worker.onDeath.push(() => system.hints.delete(wake));
  world.spawn(worker, function* sweep() {
    for (;;) {
      try {
        if (!isKnown) {
          const row = { id: workerId, versions: KNOWN_VERSIONS, concurrency: CONCURRENCY };
          yield* transact(system, worker, `${workerId} is here`, (trx) => trx.put("workers", row));
          isKnown = true;
        }
        const clock = wallClock(system, machine);
        while (
          (yield* transact(system, worker, "takeover", (trx) => statements.takeOver(trx, rules, clock))) !==
          null
        );
        wake();
      } catch (error) {
        // The next sweep tries again.
        if (!(error instanceof Away || error instanceof LeaseLost)) throw error;
      }
      yield* sleep(world, SWEEP_MS);
    }
  });
  return worker;
}

/** One attempt, from its claim to the transaction that ends it. */
function* runAttempt(system: System, worker: Process, claimed: Claimed, containment: Containment): Wait {
  const { world, rules } = system;
  const { operation, version, id } = claimed.deployment;
  const stop: Stop = { reason: null };
  let isOver = false;
  world.spawn(worker, function* keepLease() {
    while (!isOver) {
      yield* sleep(world, RENEWAL_MS);
      if (isOver) return;
      const askedAt = world.now();
      try {
        const renewed = yield* transact(system, worker, `renewal of ${claimed.attemptId}`, (trx) =>
          statements.renew(trx, rules, claimed),
        );
        if (isOver) return;
        if (renewed === null) {
          containment.kill();
          stop.reason = "lost";
          return;
        }
        containment.renew(rules.habits.deadlineFromTheAsk ? askedAt : world.now(), rules.containedMs);
        if (renewed.cancelRequested && stop.reason === null) {
          stop.reason = "cancelled";
          containment.interrupt(GRACE_MS);
        }
      } catch (error) {
        if (!(error instanceof Away)) throw error;
      }
    }
  });
  const recorder = openRecorder(system, worker, claimed);
  try {
    const earlier = yield* hold(system, () =>
      transact(system, worker, `${claimed.attemptId} begins`, (trx) => statements.begin(trx, rules, claimed)),
    );
    const isComplete = yield* hold(system, () =>
      transact(system, worker, "read", (trx) => trx.find("updates", id)?.isComplete === true),
    );
    for (const step of rules.stepsOf(operation, {}, version)) {
      if (step === "release") break;
      if (stop.reason !== null && step !== "ship" && step !== "gates-after")
        return yield* giveUp(stop.reason);
      const isChange = step === "update" || step === "refresh" || step === "destroy";
      if (isChange && isComplete) {
        yield* recorder(step, "succeeded");
        continue;
      }
      if (rules.isKept(step, operation, recordedOf(earlier.get(step), world.now()))) continue;
      if (step === "update" && (yield* needsApproval(system, worker, claimed))) {
        const seal = yield* sealOf(system, worker, claimed);
        const change: StepChange = {
          key: `${claimed.attemptId} begins its update`,
          name: step,
          state: "running",
        };
        const answer = yield* hold(system, () =>
          transact(system, worker, `${claimed.attemptId} is about to update`, (trx) =>
            approvals.beginApproved(trx, rules, claimed, seal, change),
          ),
        );
        if (answer === "not yet") return yield* setAside(seal);
      } else {
        yield* recorder(step, "running");
      }
      record(system, worker.name, { kind: "step", deploymentId: id, attemptId: claimed.attemptId, step });
      const outcome = yield* containment.run(() => runStep(system, containment, claimed, step));
      if (outcome === "ended" && stop.reason === null) return yield* crashed(step);
      if (stop.reason !== null && !(isChange && outcome === "succeeded")) return yield* giveUp(stop.reason);
      if (outcome !== "succeeded") {
        yield* recorder(step, "failed");
        return yield* fail(step, outcome);
      }
      yield* recorder(step, "succeeded");
    }
    yield* closeAndConclude("succeeded");
  } catch (error) {
    // The takeover of its lease tells the rest.
    if (!(error instanceof LeaseLost || error instanceof Away)) throw error;
    containment.kill();
    if (containment.isThere()) yield* containment.close();
  } finally {
    isOver = true;
    containment.kill();
  }

  function* closeAndConclude(status: statements.Conclusion["status"]): Wait {
    if (rules.habits.waitsForEmptyContainment || status !== "cancelled") yield* containment.close();
    yield* hold(system, () =>
      transact(system, worker, `${claimed.attemptId} is ${status}`, (trx) =>
        statements.conclude(trx, rules, claimed, { status }),
      ),
    );
  }
  function* giveUp(reason: "cancelled" | "lost"): Wait {
    if (reason === "lost") throw new LeaseLost();
    yield* closeAndConclude("cancelled");
  }
  /** The runner or the guardian is gone: what has changed nothing runs again, the rest is told honestly. */
  function* crashed(step: StepName): Wait {
    yield* containment.close();
    yield* hold(system, () =>
      transact(system, worker, `${claimed.attemptId} has crashed`, (trx) => {
        // In the transaction that ends the attempt: what its engine has asked for may still be on its way.
        const hasBegun = trx.find("updates", id) !== undefined;
        const status = CHANGING_STEPS.includes(step) && hasBegun ? "interrupted" : "queued";
        statements.conclude(trx, rules, claimed, { status });
      }),
    );
  }
  function* fail(step: StepName, outcome: EngineOutcome): Wait {
    yield* containment.close();
    const { goodReleases } = yield* hold(system, () =>
      transact(system, worker, "read", (trx) => trx.get("stacks", claimed.stackId)),
    );
    const after = rules.decideAfterFailure({
      operation,
      cause: claimed.deployment.cause,
      ending: "failed",
      step,
      hasBegun: step === "update",
      gates: step === "gates-after" ? { kind: "bad", gate: "g", detail: outcome } : null,
      unhealthyBefore: false,
    });
    if (after.kind !== "undo" || goodReleases === 0) return yield* closeAndConclude("failed");
    yield* hold(system, () =>
      transact(system, worker, `${claimed.attemptId} is undone`, (trx) =>
        statements.startRollback(trx, rules, claimed),
      ),
    );
  }
  function* setAside(seal: string): Wait {
    yield* containment.close();
    yield* hold(system, () =>
      transact(system, worker, `${claimed.attemptId} is set aside`, (trx) =>
        approvals.setAside(trx, rules, claimed, seal),
      ),
    );
  }
}

const recordedOf = (step: Rows["steps"] | undefined, now: number) =>
  step === undefined ? undefined : { state: step.state, result: step.result, ageMs: now - step.recordedAt };

/** Records steps in order. When a reply is lost, the event may be stored already, or may still be on its way. */
function openRecorder(system: System, worker: Process, claimed: Claimed) {
  const { rules } = system;
  let count = 0;
  return function* recordStep(step: StepName, state: StepChange["state"]): Wait {
    count += 1;
    const change = { key: `${claimed.attemptId}/${count}`, name: step, state };
    let tried = false;
    const written = yield* hold(system, function* write() {
      if (tried && rules.habits.eventsOnce === "by reading before") {
        const { id } = claimed.deployment;
        if (yield* transact(system, worker, "read", (trx) => statements.isStored(trx, id, change.key)))
          return true;
      }
      tried = true;
      return yield* transact(system, worker, `${step} ${state}`, (trx) =>
        statements.recordStep(trx, rules, claimed, change),
      );
    });
    if (!written) throw new LeaseLost();
  };
}

function* runStep(
  system: System,
  containment: Containment,
  claimed: Claimed,
  step: StepName,
): Wait<EngineOutcome> {
  const { world, programs } = system;
  if (step === "update" || step === "refresh" || step === "destroy")
    return yield* changeResources(system, containment, claimed);
  yield* sleep(world, world.random.between(50, 1_500));
  if (containment.isInterrupted()) return "interrupted";
  return step === "gates-after" && world.random.chance(programs.gatesFail) ? "failed" : "succeeded";
}

function* needsApproval(system: System, worker: Process, { stackId, deployment }: Claimed): Wait<boolean> {
  // An automatic rollback ends an outage; nobody is asked.
  if (deployment.cause === "automatic-rollback") return false;
  return (yield* hold(system, () => transact(system, worker, "read", (trx) => trx.get("stacks", stackId))))
    .needsApproval;
}

/** The state that the preview started from, and what it previewed. */
function* sealOf(system: System, worker: Process, { stackId, attemptId, deployment }: Claimed): Wait<string> {
  const { serial } = yield* hold(system, () =>
    transact(system, worker, "read", (trx) => trx.get("stacks", stackId)),
  );
  const seal = `${deployment.id} on state ${serial}`;
  record(system, worker.name, { kind: "previewed", deploymentId: deployment.id, attemptId, seal });
  return seal;
}
