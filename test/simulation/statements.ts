import type { ApprovalDecision, ApprovalEvent } from "../../automation/src/approvals/rules.ts";
import { NO_WRITER } from "../../automation/src/attempts/lease-rules.ts";
import { isAttemptLive } from "../../automation/src/attempts/moves.ts";
import type { DeploymentOperation, DeploymentStatus } from "../../automation/src/contract/deployments.ts";
import type { QueueView } from "../../automation/src/deployments/queue-rules.ts";
import { isTerminal } from "../../automation/src/deployments/rules.ts";
import { OPERATION_VERSION } from "../../automation/src/pipeline/operations.ts";
import type { ClaimedFence } from "./history.ts";
import type { Rules } from "./rules.ts";
import type { Rows, Trx } from "./store.ts";

/*
 * The transactions of the product, as far as they decide something: what its store files do in SQL, with the same rules.
 */

type Deployment = Rows["deployments"];

/** Where messages go. */
export const DESTINATIONS = ["webhook", "mail"] as const;
export const EVERYTHING = "everything";
/** Of an approval, so that some lapse within a run. */
const APPROVAL_MS = 60_000;
/** Messages are given up after so long, so that some are. */
const HORIZON_MS = 900_000;
/** Another server tries a delivery whose server was not heard of again. */
const DELIVERY_LEASE_MS = 30_000;

/** The right to write is somebody else's, or over. */
export class LeaseLost extends Error {}

const writerOf = (trx: Trx, stackId: string): Rows["writers"] =>
  trx.find("writers", stackId) ?? { id: stackId, ...NO_WRITER };

/** Throws LeaseLost unless the row says that the fence may write now. */
function hold(trx: Trx, rules: Rules, fence: ClaimedFence): void {
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

function putStep(trx: Trx, deploymentId: string, { key, name, state, result }: StepChange): void {
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
function move(trx: Trx, rules: Rules, id: string, status: DeploymentStatus, principal: string): void {
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

function tell(trx: Trx, about: string): void {
  const id = `message of ${about}`;
  trx.insert("messages", { id, about, at: trx.now });
  for (const destination of DESTINATIONS) {
    trx.insert("deliveries", {
      id: `${id} to ${destination}`,
      messageId: id,
      destination,
      status: "pending",
      attempts: 0,
      dueAt: trx.now,
      deadline: trx.now + HORIZON_MS,
    });
  }
}

function resetSteps(trx: Trx, deploymentId: string): void {
  for (const step of trx.all("steps")) {
    if (step.deploymentId === deploymentId && step.state !== "succeeded")
      trx.put("steps", { ...step, state: "waiting", started: false });
  }
}

function endAttempt(
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
    const isComplete = trx.find("updates", deployment.id)?.isComplete === true;
    const { cancelRequested } = deployment;
    const { kind } = rules.decideTakeover({ startedSteps, cancelRequested, isComplete, crashes });
    const status = STATUS_AFTER[kind];
    finish(trx, rules, { ...of, stackId: writer.id, deployment }, status, "system");
    return attempt.id;
  }
  return null;
}

/** What a cancel comes to. */
export function cancel(trx: Trx, rules: Rules, id: string, by: string): "cancelled" | "asked" | "too late" {
  const deployment = trx.get("deployments", id);
  if (isTerminal(deployment.status)) return "too late";
  switch (rules.decideCancel({ status: deployment.status, cancelRequested: deployment.cancelRequested })) {
    case "already-asked":
      return "asked";
    case "asked":
      trx.put("deployments", { ...deployment, cancelRequested: true });
      if (rules.habits.auditsCancels)
        trx.audit({ action: "deployment.cancel_requested", subject: id, principal: by });
      return "asked";
    case "ended-now": {
      const approval = trx.find("approvals", id);
      if (approval !== undefined) {
        const decision = decide(trx, rules, id, { kind: "cancel", by });
        if (decision.kind === "changed") trx.put("approvals", { id, ...decision.approval });
      }
      move(trx, rules, id, "cancelled", by);
      return "cancelled";
    }
  }
}

export function setPause(trx: Trx, id: string, isPaused: boolean, by: string): void {
  if ((trx.find("pauses", id)?.isPaused ?? false) === isPaused) return;
  trx.put("pauses", { id, isPaused });
  trx.audit({ action: isPaused ? "queue.paused" : "queue.resumed", subject: id, principal: by });
}

function decide(trx: Trx, rules: Rules, id: string, event: ApprovalEvent): ApprovalDecision {
  const { stackId } = trx.get("deployments", id);
  return rules.decideApproval(trx.get("approvals", id), event, trx.get("stacks", stackId).rules, trx.now);
}

/** A vote, a withdrawal or a due timer. */
export function decideOn(trx: Trx, rules: Rules, id: string, event: ApprovalEvent): ApprovalDecision["kind"] {
  if (isTerminal(trx.get("deployments", id).status)) return "refused";
  const decision = decide(trx, rules, id, event);
  if (decision.kind !== "changed") return decision.kind;
  trx.put("approvals", { id, ...decision.approval });
  for (const effect of decision.effects) {
    if (effect.kind === "audit") trx.audit({ action: effect.action, subject: id, principal: effect.by });
    // Its worker finds out when it is about to begin.
    else if (trx.get("deployments", id).status !== "running") move(trx, rules, id, effect.to, "system");
  }
  return "changed";
}

/** Ends what nobody has decided about in time. */
export function lapse(trx: Trx, rules: Rules): void {
  for (const approval of trx.all("approvals")) {
    if (approval.state !== "open" && approval.state !== "approved") continue;
    const { status } = trx.get("deployments", approval.id);
    // A worker asks by itself, and what has ended is not decided about.
    if (status === "queued" || status === "waiting_approval")
      decideOn(trx, rules, approval.id, { kind: "time" });
  }
}

/** Just before an update that needs approval: `go`, with the step's start recorded, or what keeps it from beginning. */
export function beginApproved(
  trx: Trx,
  rules: Rules,
  claimed: Claimed,
  seal: string,
  change: StepChange,
): "go" | "not yet" {
  hold(trx, rules, claimed);
  const { id } = claimed.deployment;
  const approval = trx.find("approvals", id);
  if (approval === undefined) return "not yet";
  const asked = rules.habits.comparesSeals ? seal : approval.seal;
  const decision = decide(trx, rules, id, { kind: "begin", seal: asked, attempt: claimed.attemptId });
  if (decision.kind === "unchanged") return "go";
  if (decision.kind !== "changed" || decision.approval.state !== "begun") return "not yet";
  trx.put("approvals", { id, ...decision.approval });
  for (const effect of decision.effects) {
    if (effect.kind === "audit") trx.audit({ action: effect.action, subject: id, principal: effect.by });
  }
  putStep(trx, id, change);
  return "go";
}

/** Ends an attempt, whose processes are gone, that may not begin its update: it waits for votes, or its approval is over. */
export function setAside(trx: Trx, rules: Rules, claimed: Claimed, seal: string): void {
  hold(trx, rules, claimed);
  const { id, stackId, requestedBy } = claimed.deployment;
  const worker = trx.get("attempts", claimed.attemptId).workerId;
  let status: DeploymentStatus = "waiting_approval";
  // Asked for since the worker last heard: nobody is to vote about it.
  if (trx.get("deployments", id).cancelRequested) status = "cancelled";
  else if (trx.find("approvals", id) === undefined) {
    trx.insert("approvals", {
      id,
      state: "open",
      seal,
      expiresAt: trx.now + APPROVAL_MS,
      requesters: new Set([requestedBy, `author of ${stackId}`]),
      onePersonOneRule: true,
      votes: [],
      begunBy: null,
    });
    trx.audit({ action: "approval.requested", subject: id, principal: worker });
  } else {
    const asked = rules.habits.comparesSeals ? seal : trx.get("approvals", id).seal;
    const decision = decide(trx, rules, id, { kind: "begin", seal: asked, attempt: claimed.attemptId });
    if (decision.kind === "over") ({ status } = decision);
    // The last vote came a moment ago; another attempt begins.
    else if (decision.kind === "changed" && decision.approval.state === "begun") status = "queued";
    else if (decision.kind === "changed") {
      trx.put("approvals", { id, ...decision.approval });
      for (const effect of decision.effects) {
        if (effect.kind === "move") status = effect.to;
        else trx.audit({ action: effect.action, subject: id, principal: effect.by });
      }
    }
  }
  move(trx, rules, id, status, worker);
  resetSteps(trx, id);
  endAttempt(trx, rules, claimed, "succeeded");
}

/** Takes one delivery that is due; null when there is none. */
export function takeDelivery(trx: Trx, rules: Rules): Rows["deliveries"] | null {
  for (const delivery of trx.all("deliveries")) {
    if (delivery.status !== "pending" || delivery.dueAt > trx.now) continue;
    if (delivery.attempts > 0 && !rules.habits.deliversAgain) continue;
    const taken = { ...delivery, attempts: delivery.attempts + 1, dueAt: trx.now + DELIVERY_LEASE_MS };
    trx.put("deliveries", taken);
    return taken;
  }
  return null;
}

/** Records how a try ended; of a try that was given up in the meantime nothing. */
export function recordTry(
  trx: Trx,
  rules: Rules,
  taken: Rows["deliveries"],
  delivered: boolean,
  random: number,
): void {
  const delivery = trx.get("deliveries", taken.id);
  if (delivery.status !== "pending" || delivery.attempts !== taken.attempts) return;
  const outcome = delivered
    ? ({ kind: "delivered" } as const)
    : ({ kind: "failed", error: "no answer." } as const);
  const state = { attempts: taken.attempts, leftMs: delivery.deadline - trx.now };
  const decision = rules.afterAttempt(state, outcome, random);
  trx.put("deliveries", {
    ...delivery,
    status: decision.status,
    dueAt: decision.status === "pending" ? trx.now + decision.delayMs : delivery.dueAt,
  });
}

/** When the next delivery is due; null when all have ended. */
export function nextDelivery(trx: Trx): number | null {
  let next: number | null = null;
  for (const { status, dueAt } of trx.all("deliveries")) {
    if (status === "pending" && (next === null || dueAt < next)) next = dueAt;
  }
  return next;
}
