import type { Deployment } from "../contract/deployments.ts";
import type { Database } from "../database.ts";
import { expectedStart } from "../deployments/queue-forecast.ts";
import type { QueuedDeployment, QueueView, Waiting } from "../deployments/queue-rules.ts";
import { queuesByStack, waitingFor } from "../deployments/queue-rules.ts";
import { pauseInWords } from "./pause-words.ts";
import type { QueueFacts, UsualRun } from "./queue-store.ts";
import { readQueue, readUsualRuns, viewOf } from "./queue-store.ts";

/** Where a queued deployment stands, as the API shows it. */
export type ShownWaiting = Pick<Deployment, "queuePosition" | "waiting">;

/** Where the queued deployments of some stacks stand, by their ids. */
export async function readWaiting(
  db: Database,
  stackIds: readonly string[],
): Promise<Map<string, ShownWaiting>> {
  if (stackIds.length === 0) return new Map();
  const facts = await readQueue(db, [...new Set(stackIds)]);
  const view = viewOf(facts, { limit: null });
  const waiting = waitingFor(view);
  const behind = view.queued.filter(({ deploymentId }) => (waiting.get(deploymentId)?.position ?? 0) > 0);
  // Whoever is first on a free stack, as nearly everybody is, waits for no run.
  const usual =
    behind.length === 0 ? [] : await readUsualRuns(db, [...new Set(behind.map(({ stackId }) => stackId))]);
  return describeWaiting(facts, view, waiting, usual);
}

function describeWaiting(
  facts: QueueFacts,
  view: QueueView,
  waiting: ReadonlyMap<string, Waiting>,
  usual: readonly UsualRun[],
): Map<string, ShownWaiting> {
  const shown = new Map<string, ShownWaiting>();
  for (const [stackId, queue] of queuesByStack(view.queued)) {
    const usually = queue.map((one) => usualMs(usual, stackId, one.operation));
    queue.forEach((one, index) => {
      const state = waiting.get(one.deploymentId);
      if (state === undefined) return;
      const start = expectedStart(state, {
        now: facts.now,
        isWorkerFree: freePlaces(facts) > 0,
        running: state.position > index ? runningOn(facts, usual, one) : undefined,
        usualMsOfThoseBefore: usually.slice(0, index),
      });
      shown.set(one.deploymentId, {
        queuePosition: state.position,
        waiting: {
          reason: state.reason,
          detail: inWords(facts, view, one, state, queue[index - 1]),
          expectedStartAt: start === null ? null : new Date(start).toISOString(),
        },
      });
    });
  }
  return shown;
}

function usualMs(usual: readonly UsualRun[], stackId: string, operation: string): number | null {
  return usual.find((one) => one.stackId === stackId && one.operation === operation)?.ms ?? null;
}

/** What holds the stack; null: a run of the Pulumi CLI, or a deployment of unknown length. */
function runningOn(
  facts: QueueFacts,
  usual: readonly UsualRun[],
  one: QueuedDeployment,
): { startedAt: number; usualMs: number | null } | null {
  const running = runningDeployment(facts, one);
  if (running === undefined) return null;
  return { startedAt: running.startedAt, usualMs: usualMs(usual, one.stackId, running.operation) };
}

function runningDeployment(facts: QueueFacts, one: QueuedDeployment) {
  return facts.running.find(
    ({ stackId, deploymentId }) => stackId === one.stackId && deploymentId !== one.causedBy,
  );
}

/** Whether any living worker has the lists of steps that the deployment was queued with. */
function isKnownToAny({ queued, workers }: QueueFacts, { deploymentId }: QueuedDeployment): boolean {
  const version = queued.find((one) => one.deploymentId === deploymentId)?.operationVersion;
  return workers.some(
    ({ operationVersions }) => version !== undefined && operationVersions.includes(version),
  );
}

/** Attempts that the living workers could take now. */
function freePlaces({ workers, running }: QueueFacts): number {
  const places = workers.map(
    ({ id, concurrency }) => (concurrency ?? 1) - running.filter(({ workerId }) => workerId === id).length,
  );
  return places.reduce((sum, free) => sum + Math.max(0, free), 0);
}

function inWords(
  facts: QueueFacts,
  view: QueueView,
  one: QueuedDeployment,
  waiting: Waiting,
  before: QueuedDeployment | undefined,
): string {
  switch (waiting.reason) {
    case "paused":
      return pauseOver(facts, one, waiting.pausedBy);
    case "behind":
      return `Waits behind deployment ${before?.number} of its stack.`;
    case "stack-busy": {
      const running = runningDeployment(facts, one);
      return running === undefined
        ? "Somebody runs the Pulumi CLI on its stack."
        : `Deployment ${running.number} of its stack runs.`;
    }
    case "limit":
      return waiting.limitOf === "instance"
        ? `As many deployments run as may at once (${view.limits.instance}).`
        : `As many deployments of its project run as may at once (${view.limits.project.get(one.projectId)}).`;
    case "next":
      if (facts.workers.length === 0) return "No worker is running.";
      if (!isKnownToAny(facts, one))
        return "No running worker knows how to run it: a later version of Slipway queued it. Start a worker of that version.";
      return freePlaces(facts) > 0 ? "A worker takes it now." : "Every worker is busy.";
  }
}

function pauseOver(facts: QueueFacts, one: QueuedDeployment, scope: Waiting["pausedBy"]): string {
  const pause = facts.pauses.find(
    (row) =>
      row.scope === scope &&
      (scope === "everything" || row.projectId === one.projectId || row.stackId === one.stackId),
  );
  return pause === undefined ? "It is paused." : pauseInWords(pause);
}
