import { NO_WRITER } from "../../automation/src/attempts/lease-rules.ts";
import { isAttemptLive } from "../../automation/src/attempts/moves.ts";
import type { DeploymentOperation, DeploymentStatus } from "../../automation/src/contract/deployments.ts";
import type { QueueView } from "../../automation/src/deployments/queue-rules.ts";
import { isTerminal } from "../../automation/src/deployments/rules.ts";
import { OPERATION_VERSION } from "../../automation/src/pipeline/operations.ts";
import { tell } from "./delivery-statements.ts";
import type { Rules } from "./rules.ts";
import type { ClaimedFence, Rows, Trx } from "./store.ts";

/*
 * The transactions of the product, as far as they decide something: what its store files do in SQL, with the same rules.
 */

type Deployment = Rows["deployments"];

/** Names the pause of all stacks. */
export const EVERYTHING = "everything";

/** The right to write is somebody else's, or over. */
export class LeaseLost extends Error {}

const writerOf = (trx: Trx, stackId: string): Rows["writers"] =>
  trx.find("writers", stackId) ?? { id: stackId, ...NO_WRITER };

/** Throws LeaseLost unless the row says that the fence may write now. */
export function hold(trx: Trx, rules: Rules, fence: ClaimedFence): void {
  trx.fence = fence;
  if (!rules.lease.write(writerOf(trx, fence.stackId), fence, trx.now).granted) throw new LeaseLost();
}

export interface NewRequest {
  key: string;
  stackId: string;
  operation: DeploymentOperation;
  by: string;
}

/** Queues a deployment; answers the one that the key has queued before. */
export function request(trx: Trx, rules: Rules, { key, stackId, operation, by }: NewRequest): string {
  if (rules.habits.knowsRequestKeys) {
    for (const known of trx.all("deployments")) if (known.requestKey === key) return known.id;
  }
  const deployment = {
    stackId,
    operation,
    requestKey: key,
    requestedBy: by,
    cause: "request",
    causedBy: null,
  } as const;
  return insertDeployment(trx, deployment, by);
}

function insertDeployment(
  trx: Trx,
  about: Pick<Deployment, "stackId" | "operation" | "requestKey" | "requestedBy" | "cause" | "causedBy">,
  principal: string,
): string {
  const stack = trx.get("stacks", about.stackId);
  const id = `${stack.id}#${stack.nextNumber}`;
  trx.put("stacks", { ...stack, nextNumber: stack.nextNumber + 1 });
  trx.insert("deployments", {
    ...about,
    id,
    number: stack.nextNumber,
    version: OPERATION_VERSION,
    status: "queued",
    rolledBackBy: null,
    requestedAt: trx.now,
    cancelRequested: false,
  });
  trx.audit({ action: "deployment.requested", subject: id, principal });
  return id;
}

/** What the queue looks like to the scheduler. */
function queueView(trx: Trx, worker: Rows["workers"]): QueueView {
  const queued: QueueView["queued"][number][] = [];
  const running: QueueView["running"][number][] = [];
  const busyStacks = new Set<string>();
  const pausedStacks = new Set<string>();
  let everything = false;
  for (const one of trx.all("deployments")) {
    if (one.status !== "queued" && one.status !== "running") continue;
    const { projectId } = trx.get("stacks", one.stackId);
    const { id: deploymentId, stackId, operation } = one;
    if (one.status === "queued") {
      const { number, cause, causedBy, requestedAt } = one;
      queued.push({
        deploymentId,
        stackId,
        projectId,
        number,
        operation,
        cause,
        causedBy,
        requestedAt,
        runsAfter: null,
      });
    } else {
      running.push({
        deploymentId,
        stackId,
        projectId,
        operation,
        workerId: liveAttempt(trx, deploymentId)?.workerId ?? null,
      });
    }
  }
  for (const writer of trx.all("writers")) if (writer.holder !== null) busyStacks.add(writer.id);
  for (const { id, isPaused } of trx.all("pauses")) {
    if (!isPaused) continue;
    if (id === EVERYTHING) everything = true;
    else pausedStacks.add(id);
  }
  return {
    queued,
    busyStacks,
    running,
    paused: { everything, projects: new Set(), stacks: pausedStacks },
    limits: { instance: null, project: new Map(), worker: worker.concurrency },
  };
}

function liveAttempt(trx: Trx, deploymentId: string): Rows["attempts"] | undefined {
  for (const attempt of trx.all("attempts")) {
    if (attempt.deploymentId === deploymentId && isAttemptLive(attempt.status)) return attempt;
  }
  return undefined;
}

export interface Claimed extends ClaimedFence {
  deployment: Deployment;
  attempt: number;
}

/** Takes what goes first; null when nothing can be taken. */
export function claim(
  trx: Trx,
  rules: Rules,
  { workerId, attemptId }: { workerId: string; attemptId: string },
): Claimed | null {
  const chosen = rules.nextToClaim(queueView(trx, trx.get("workers", workerId)), { id: workerId });
  if (chosen === null) return null;
  const { stackId, deploymentId } = chosen;
  const decision = rules.lease.claim(writerOf(trx, stackId), { attemptId }, trx.now);
  if (!decision.granted) return null;
  const deployment = { ...trx.get("deployments", deploymentId), status: "running" as const };
  let attempt = 1;
  for (const other of trx.all("attempts")) if (other.deploymentId === deploymentId) attempt += 1;
  const { epoch } = decision.row;
  trx.put("writers", { id: stackId, ...decision.row });
  trx.insert("attempts", {
    id: attemptId,
    deploymentId,
    number: attempt,
    workerId,
    epoch,
    status: "claimed",
  });
  trx.put("deployments", deployment);
  trx.audit({ action: "deployment.claimed", subject: deploymentId, principal: workerId });
  return { stackId, attemptId, epoch, deployment, attempt };
}

/** Marks a claimed attempt as at work; answers what earlier ones recorded. */
export function begin(trx: Trx, rules: Rules, claimed: Claimed): Map<string, Rows["steps"]> {
  hold(trx, rules, claimed);
  const attempt = trx.get("attempts", claimed.attemptId);
  if (attempt.status === "claimed") {
    trx.put("attempts", { ...attempt, status: "running" });
    trx.audit({ action: "deployment.started", subject: claimed.deployment.id, principal: attempt.workerId });
  }
  const earlier = new Map<string, Rows["steps"]>();
  for (const step of trx.all("steps"))
    if (step.deploymentId === claimed.deployment.id) earlier.set(step.name, step);
  return earlier;
}

/** Makes the lease last longer; null when it is lost. */
export function renew(trx: Trx, rules: Rules, claimed: Claimed): { cancelRequested: boolean } | null {
  trx.fence = claimed;
  const decision = rules.lease.renew(writerOf(trx, claimed.stackId), claimed, trx.now);
  if (!decision.granted) return null;
  trx.put("writers", { id: claimed.stackId, ...decision.row });
  return { cancelRequested: trx.get("deployments", claimed.deployment.id).cancelRequested };
}

export interface StepChange {
  /** Of the event that tells of it. */
  key: string;
  name: string;
  state: "running" | "succeeded" | "failed" | "skipped";
  result?: unknown;
}

/** Records what a step came to, with its event; false when the right to write is lost. */
export function recordStep(trx: Trx, rules: Rules, claimed: Claimed, change: StepChange): boolean {
  trx.fence = claimed;
  if (!rules.lease.write(writerOf(trx, claimed.stackId), claimed, trx.now).granted) {
    trx.fence = null;
    return false;
  }
  if (rules.habits.eventsOnce === "by the statement" && isStored(trx, claimed.deployment.id, change.key))
    return true;
  putStep(trx, claimed.deployment.id, change);
  return true;
}

export function putStep(trx: Trx, deploymentId: string, { key, name, state, result }: StepChange): void {
  const id = `${deploymentId}/${name}`;
  const before = trx.find("steps", id);
  trx.put("steps", {
    id,
    deploymentId,
    name,
    state,
    started: true,
    result: result ?? before?.result ?? null,
    recordedAt: trx.now,
  });
  let sequence = 1;
  for (const event of trx.all("events")) if (event.deploymentId === deploymentId) sequence += 1;
  trx.insert("events", { id: `${deploymentId}/${sequence}`, deploymentId, sequence, key });
}

/** Whether an event is stored. */
export function isStored(trx: Trx, deploymentId: string, key: string): boolean {
  for (const event of trx.all("events"))
    if (event.deploymentId === deploymentId && event.key === key) return true;
  return false;
}

/** What an engine asks the state backend for before it does anything; false when it may not. */
export function startUpdate(trx: Trx, rules: Rules, fence: ClaimedFence, deploymentId: string): boolean {
  trx.fence = fence;
  if (!rules.lease.write(writerOf(trx, fence.stackId), fence, trx.now).granted) {
    trx.fence = null;
    return false;
  }
  trx.put("updates", { id: deploymentId, isComplete: false });
  return true;
}

/** What an engine tells the state backend before and after it changes a resource, and when it is through; false when it may not. */
export function journal(trx: Trx, rules: Rules, fence: ClaimedFence, completes: string | null): boolean {
  trx.fence = fence;
  if (!rules.lease.write(writerOf(trx, fence.stackId), fence, trx.now).granted) {
    trx.fence = null;
    return false;
  }
  const stack = trx.get("stacks", fence.stackId);
  trx.put("stacks", { ...stack, serial: stack.serial + 1 });
  if (completes !== null) trx.put("updates", { id: completes, isComplete: true });
  return true;
}

/** How a deployment ends, or what it waits for, after an attempt. */
export type Conclusion =
  | { status: Extract<DeploymentStatus, "succeeded" | "failed" | "cancelled" | "interrupted"> }
  | { status: "queued" };

/** Ends an attempt whose processes are gone, with its deployment, and frees the stack. */
export function conclude(trx: Trx, rules: Rules, claimed: Claimed, { status }: Conclusion): void {
  hold(trx, rules, claimed);
  const worker = trx.get("attempts", claimed.attemptId).workerId;
  if (
    status === "succeeded" &&
    (claimed.deployment.operation === "update" || claimed.deployment.operation === "rollback")
  ) {
    const stack = trx.get("stacks", claimed.stackId);
    trx.put("stacks", { ...stack, goodReleases: stack.goodReleases + 1 });
  }
  finish(trx, rules, claimed, status, worker);
}

function finish(
  trx: Trx,
  rules: Rules,
  fence: ClaimedFence & { deployment: Deployment },
  status: Conclusion["status"],
  principal: string,
): void {
  const { deployment } = fence;
  move(trx, rules, deployment.id, status, principal);
  if (status === "queued") resetSteps(trx, deployment.id);
  endAttempt(trx, rules, fence, status === "queued" || status === "interrupted" ? "lost" : status);
}

/** Only a deployment that is in no end moves; whoever finds it otherwise knew less. */
export function move(trx: Trx, rules: Rules, id: string, status: DeploymentStatus, principal: string): void {
  const deployment = trx.get("deployments", id);
  if (isTerminal(deployment.status)) throw new LeaseLost();
  trx.put("deployments", { ...deployment, status });
  const isCancel = status === "cancelled";
  if (!isCancel || rules.habits.auditsCancels) {
    trx.audit({ action: `deployment.${status}`, subject: id, principal });
  }
  if (!isTerminal(status)) return;
  tell(trx, `${id} ${status}`);
  if (deployment.cause === "automatic-rollback" && deployment.causedBy !== null) {
    const cause = trx.get("deployments", deployment.causedBy);
    if (cause.status === "running")
      move(trx, rules, cause.id, status === "succeeded" ? "rolled_back" : "failed", principal);
  }
}

export function resetSteps(trx: Trx, deploymentId: string): void {
  for (const step of trx.all("steps")) {
    if (step.deploymentId === deploymentId && step.state !== "succeeded")
      trx.put("steps", { ...step, state: "waiting", started: false });
  }
}

export function endAttempt(
  trx: Trx,
  rules: Rules,
  fence: ClaimedFence,
  status: "succeeded" | "failed" | "cancelled" | "lost",
): void {
  const attempt = trx.get("attempts", fence.attemptId);
  if (isAttemptLive(attempt.status)) trx.put("attempts", { ...attempt, status });
  const decision = rules.lease.end(writerOf(trx, fence.stackId), fence);
  if (decision.granted) trx.put("writers", { id: fence.stackId, ...decision.row });
}

/** A failed update leaves its deployment running until its one automatic rollback has ended. */
export function startRollback(trx: Trx, rules: Rules, claimed: Claimed): void {
  hold(trx, rules, claimed);
  const { deployment, stackId } = claimed;
  const about = {
    stackId,
    operation: "rollback",
    requestKey: null,
    requestedBy: "slipway",
    cause: "automatic-rollback",
    causedBy: deployment.id,
  } as const;
  const rolledBackBy = insertDeployment(trx, about, "slipway");
  trx.put("deployments", { ...trx.get("deployments", deployment.id), rolledBackBy });
  endAttempt(trx, rules, claimed, "failed");
}

const STATUS_AFTER = {
  requeue: "queued",
  resume: "queued",
  cancelled: "cancelled",
  poison: "failed",
  interrupted: "interrupted",
} as const;

/** Takes over one attempt whose lease is over; null when there is none. `clock`: what a worker would have gone by that trusts its own. */
export function takeOver(trx: Trx, rules: Rules, clock: number): string | null {
  if (!rules.habits.takesOver) return null;
  const now = rules.habits.asksDatabaseForTime ? trx.now : clock;
  for (const writer of trx.all("writers")) {
    if (writer.holder === null || writer.holderKind !== "attempt") continue;
    const attempt = trx.find("attempts", writer.holder);
    if (attempt === undefined || !isAttemptLive(attempt.status)) continue;
    const of = { attemptId: attempt.id, epoch: attempt.epoch };
    if (!rules.lease.takeOver(writer, of, now).granted) continue;
    const deployment = trx.get("deployments", attempt.deploymentId);
    const startedSteps: string[] = [];
    for (const step of trx.all("steps"))
      if (step.deploymentId === deployment.id && step.started) startedSteps.push(step.name);
    let crashes = 1;
    for (const other of trx.all("attempts")) {
      if (other.deploymentId === deployment.id && other.id !== attempt.id && other.status === "lost")
        crashes += 1;
    }
    const update = trx.find("updates", deployment.id);
    const known = { isComplete: update?.isComplete === true, hasBegun: update !== undefined };
    const { cancelRequested } = deployment;
    const { kind } = rules.decideTakeover({ startedSteps, cancelRequested, ...known, crashes });
    const status = STATUS_AFTER[kind];
    finish(trx, rules, { ...of, stackId: writer.id, deployment }, status, "system");
    return attempt.id;
  }
  return null;
}
