import type { Approval, Deployment } from "@slipway/automation/contract";
import { isTerminal } from "../queries.ts";

/** The one thing that a person can do about a deployment now. */
export type PrimaryAction =
  | "consent"
  | "decide-hold"
  | "vote"
  | "sign-off"
  | "await-votes"
  | "continue"
  | "preview-again"
  | "deploy-this"
  | "none";

type Known = Pick<Deployment, "operation" | "status" | "nextAction"> &
  Partial<Pick<Deployment, "hold" | "consent">>;

/** Which of them comes first: what only a person can free, then what others decide, then what to do after an end. */
export function primaryActionOf(
  deployment: Known,
  approval: Pick<Approval, "state" | "me"> | null,
): PrimaryAction {
  const isOver = isTerminal(deployment);
  const { consent = null, hold = null } = deployment;
  if (!isOver && consent !== null && consent.consentedBy === null && consent.steps.length > 0)
    return "consent";
  if (hold !== null && hold.decision === null) return "decide-hold";
  if (!isOver && approval !== null && approval.state === "open")
    return approval.me.mayVote ? "vote" : approval.me.maySignOff ? "sign-off" : "await-votes";
  if (deployment.nextAction !== null) return "continue";
  // Rejected is somebody's decision: to ask again at once is not what comes next.
  if (deployment.status === "stale" || deployment.status === "expired") return "preview-again";
  if (deployment.operation === "preview" && deployment.status === "succeeded") return "deploy-this";
  return "none";
}
