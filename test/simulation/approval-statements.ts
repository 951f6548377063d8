import type { ApprovalDecision, ApprovalEvent } from "../../automation/src/approvals/rules.ts";
import type { DeploymentStatus } from "../../automation/src/contract/deployments.ts";
import { isTerminal } from "../../automation/src/deployments/rules.ts";
import type { Rules } from "./rules.ts";
import type { Claimed, StepChange } from "./statements.ts";
import { endAttempt, hold, move, putStep, resetSteps } from "./statements.ts";
import type { Trx } from "./store.ts";

/** Of an approval, so that some lapse within a run. */
const APPROVAL_MS = 60_000;
export function decide(trx: Trx, rules: Rules, id: string, event: ApprovalEvent): ApprovalDecision {
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
      needsComment: false,
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
