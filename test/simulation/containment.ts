import * as statements from "./statements.ts";
import type { ClaimedFence, Trx } from "./store.ts";
import type { System } from "./system.ts";
import { askServer, hold, record, transact } from "./system.ts";
import type { Process, Task, Wait } from "./world.ts";
import { Away, sleep } from "./world.ts";

/** How long it may take until all processes are dead: less than what lies between a containment's deadline and the end of its lease. */
const LONGEST_ENDING_MS = 2_500;

export type EngineOutcome = "succeeded" | "failed" | "interrupted" | "ended";

/** The processes of one attempt, and the guardian that ends them at a deadline. Neither a worker's death nor its pause reaches them. */
export interface Containment {
  readonly attemptId: string;
  readonly process: Process;
  renew(askedAt: number, forMs: number): void;
  interrupt(graceMs: number): void;
  kill(): void;
  /** Ends everything, and waits until it has. */
  close(): Wait;
  /** Runs something in it; answers how it ended. */
  run(work: () => Wait<EngineOutcome>): Wait<EngineOutcome>;
  isInterrupted(): boolean;
  isThere(): boolean;
}

export function openContainment(
  system: System,
  worker: Process,
  claimed: ClaimedFence,
  askedAt: number,
): Containment {
  const { world, rules } = system;
  const { attemptId, stackId } = claimed;
  const process = world.start(`engine of ${attemptId}`, worker.machine);
  let deadline = askedAt + rules.containedMs;
  let isEnding = false;
  let isInterrupted = false;
  const waiting = new Set<Task>();
  record(system, worker.name, { kind: "processes", attemptId, stackId, are: "there" });

  const end = (): void => {
    if (isEnding) return;
    isEnding = true;
    world.after(world.random.between(20, LONGEST_ENDING_MS), () => world.kill(process));
  };
  system.engines.add(process);
  process.onDeath.push(() => {
    system.engines.delete(process);
    record(system, process.name, { kind: "processes", attemptId, stackId, are: "gone" });
    for (const task of waiting) task.resume("ended");
  });
  // The guardian looks again when the deadline has been moved; end-of-file ends everything too.
  const watch = (): void => {
    if (isEnding) return;
    if (world.now() >= deadline) end();
    else world.after(deadline - world.now(), watch);
  };
  world.after(deadline - world.now(), watch);
  worker.onDeath.push(end);

  return {
    attemptId,
    process,
    renew(at, forMs) {
      deadline = Math.max(deadline, at + forMs);
    },
    interrupt(graceMs) {
      if (isInterrupted) return;
      isInterrupted = true;
      world.after(graceMs, end);
    },
    kill: end,
    *close() {
      end();
      if (process.alive) yield (task) => waiting.add(task);
    },
    *run(work) {
      if (!process.alive) return "ended";
      const outcome = yield (task) => {
        waiting.add(task);
        world.spawn(process, function* engine() {
          task.resume(yield* work());
        });
      };
      return outcome as EngineOutcome;
    },
    isInterrupted: () => isInterrupted,
    isThere: () => process.alive,
  };
}

/** What an engine does that changes a stack: each resource between two entries of the journal. */
export function* changeResources(
  system: System,
  containment: Containment,
  claimed: statements.Claimed,
): Wait<EngineOutcome> {
  const { world, rules, programs } = system;
  const { process, attemptId } = containment;
  const { stackId, deployment } = claimed;
  const about = { attemptId, stackId, deploymentId: deployment.id };
  const obeys = !world.random.chance(programs.ignoreInterrupts);
  const resources = world.random.between(1, 4);
  const ask = (what: string, may: (trx: Trx) => boolean): Wait<boolean> =>
    hold(system, () => askServer(system, process, (server) => transact(system, server, what, may)));
  const tell = (what: string, completes: string | null): Wait<boolean> =>
    ask(what, (trx) => statements.journal(trx, rules, claimed, completes));
  try {
    // A provider is loaded, and a program run, only after this.
    yield* sleep(world, world.random.between(10, 1_500));
    const starts = (trx: Trx): boolean => statements.startUpdate(trx, rules, claimed, deployment.id);
    if (!(yield* ask(`update of ${deployment.id} starts`, starts))) return "failed";
    for (let resource = 1; resource <= resources; resource += 1) {
      if (obeys && containment.isInterrupted()) return "interrupted";
      if (!(yield* tell(`journal of ${deployment.id}: ${resource} begins`, null))) return "failed";
      record(system, process.name, { kind: "effect", ...about, resource, is: "begun" });
      const ended = (): void =>
        record(system, process.name, { kind: "effect", ...about, resource, is: "ended" });
      process.onDeath.unshift(ended);
      yield* sleep(world, world.random.between(50, 2_500));
      process.onDeath.splice(process.onDeath.indexOf(ended), 1);
      ended();
      if (!(yield* tell(`journal of ${deployment.id}: ${resource} is done`, null))) return "failed";
      if (world.random.chance(programs.crash)) return "failed";
    }
    return (yield* tell(`journal of ${deployment.id}: complete`, deployment.id)) ? "succeeded" : "failed";
  } catch (error) {
    if (error instanceof Away) return "failed";
    throw error;
  }
}
