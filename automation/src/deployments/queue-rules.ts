import type { DeploymentOperation } from "../contract/deployments.ts";

/** A deployment that waits to be claimed. */
export interface QueuedDeployment {
  deploymentId: string;
  stackId: string;
  projectId: string;
  /** Of its stack; the order of requests. */
  number: number;
  operation: DeploymentOperation;
  cause: "request" | "automatic-rollback";
  /** The deployment that an automatic rollback undoes. */
  causedBy: string | null;
  /** The deployment of its stack that must have succeeded before. */
  runsAfter: string | null;
  /** Milliseconds since 1970, by the database's clock. */
  requestedAt: number;
}

/** A deployment that counts as running. */
export interface RunningDeployment {
  deploymentId: string;
  stackId: string;
  projectId: string;
  operation: DeploymentOperation;
  /** Null: no attempt lives; it waits for its automatic rollback, and takes no place of any limit. */
  workerId: string | null;
}

/** All that decides what is claimed next. */
export interface QueueView {
  queued: readonly QueuedDeployment[];
  /** Stacks whose right to write somebody has: a live attempt, a lost one that nobody took over yet, or an update of the CLI. */
  busyStacks: ReadonlySet<string>;
  running: readonly RunningDeployment[];
  paused: { everything: boolean; projects: ReadonlySet<string>; stacks: ReadonlySet<string> };
  /** Most attempts at once; null or absent: as many as there are workers for. */
  limits: { instance: number | null; project: ReadonlyMap<string, number>; worker: number };
}

/**
 * Why a deployment waits. `next`: only for a worker. `behind`: others of its stack go first. `stack-busy`: somebody has the
 * right to write. `paused`: nothing of it is claimed until somebody resumes. `limit`: as many run as may.
 */
export type WaitingReason = "next" | "behind" | "stack-busy" | "paused" | "limit";

/** Where a waiting deployment stands. */
export interface Waiting {
  /** How many of its stack go before it; what runs there counts as one. */
  position: number;
  reason: WaitingReason;
  /** `paused`: the widest pause that holds it. */
  pausedBy: "everything" | "project" | "stack" | null;
  /** `limit`: the one that binds. */
  limitOf: "instance" | "project" | null;
}

/**
 * Who goes first: an automatic rollback, then a rollback that somebody asked for, then the rest, then what only looks for drift.
 * A rollback also overtakes other stacks when a limit binds: it ends an outage, and somebody must have asked for each.
 */
export function queueRank(
  deployment: Pick<QueuedDeployment, "operation" | "cause" | "runsAfter">,
): 0 | 1 | 2 | 3 {
  if (deployment.cause === "automatic-rollback") return 0;
  // One that goes on after another must stay behind that one.
  if (deployment.operation === "rollback" && deployment.runsAfter === null) return 1;
  return deployment.operation === "detect-drift" ? 3 : 2;
}

/** The deployment that this worker would claim now; null when there is none. The claim in attempts/claim-store.ts decides the same in SQL. */
export function nextToClaim(view: QueueView, worker: { id: string }): QueuedDeployment | null {
  const own = view.running.filter(({ workerId }) => workerId === worker.id).length;
  if (own >= view.limits.worker) return null;
  const heads = [...queuesByStack(view.queued).values()].flatMap((queue) => queue.slice(0, 1));
  return (
    heads
      .filter((one) => pauseOf(view, one) === null && !isStackBusy(view, one) && limitOf(view, one) === null)
      .sort(byClaim)[0] ?? null
  );
}

/** Why each queued deployment waits and how many go before it, by its id. */
export function waitingFor(view: QueueView): Map<string, Waiting> {
  const all = [...queuesByStack(view.queued).values()].flatMap((queue) =>
    queue.map((one, behind) => [one.deploymentId, waitingOf(view, one, behind)] as const),
  );
  return new Map(all);
}

/** The queued deployments of each stack, in the order in which they are claimed. */
export function queuesByStack(queued: readonly QueuedDeployment[]): Map<string, QueuedDeployment[]> {
  const queues = Map.groupBy(queued, ({ stackId }) => stackId);
  for (const queue of queues.values())
    queue.sort((a, b) => queueRank(a) - queueRank(b) || a.number - b.number);
  return queues;
}

function waitingOf(view: QueueView, one: QueuedDeployment, behind: number): Waiting {
  const pausedBy = pauseOf(view, one);
  const isBusy = isStackBusy(view, one);
  const limit = limitOf(view, one);
  return {
    position: behind + (isBusy ? 1 : 0),
    reason: reasonOf({ isPaused: pausedBy !== null, behind, isBusy, isLimited: limit !== null }),
    pausedBy,
    limitOf: limit,
  };
}

function reasonOf(facts: {
  isPaused: boolean;
  behind: number;
  isBusy: boolean;
  isLimited: boolean;
}): WaitingReason {
  if (facts.isPaused) return "paused";
  if (facts.behind > 0) return "behind";
  if (facts.isBusy) return "stack-busy";
  return facts.isLimited ? "limit" : "next";
}

/** A pause is absolute, but for the automatic rollback: it finishes a deployment that was running already. */
function pauseOf({ paused }: QueueView, one: QueuedDeployment): Waiting["pausedBy"] {
  if (one.cause === "automatic-rollback") return null;
  if (paused.everything) return "everything";
  if (paused.projects.has(one.projectId)) return "project";
  return paused.stacks.has(one.stackId) ? "stack" : null;
}

/** Whether anybody but the deployment that an automatic rollback undoes has the stack. What only looks for drift is in nobody's way but its like's. */
function isStackBusy(view: QueueView, one: QueuedDeployment): boolean {
  return (
    view.busyStacks.has(one.stackId) ||
    view.running.some(
      ({ stackId, deploymentId, operation }) =>
        stackId === one.stackId &&
        deploymentId !== one.causedBy &&
        (operation !== "detect-drift" || one.operation === "detect-drift"),
    )
  );
}

function limitOf({ running, limits }: QueueView, one: QueuedDeployment): Waiting["limitOf"] {
  const live = running.filter(({ workerId }) => workerId !== null);
  if (limits.instance !== null && live.length >= limits.instance) return "instance";
  const most = limits.project.get(one.projectId);
  const inProject = live.filter(({ projectId }) => projectId === one.projectId).length;
  return most !== undefined && inProject >= most ? "project" : null;
}

/** Across stacks: by rank, then by age; of two asked for in the same instant, by id. */
function byClaim(a: QueuedDeployment, b: QueuedDeployment): number {
  return (
    queueRank(a) - queueRank(b) || a.requestedAt - b.requestedAt || (a.deploymentId < b.deploymentId ? -1 : 1)
  );
}
