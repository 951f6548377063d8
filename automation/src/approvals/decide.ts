import { appendAudit } from "../audit/store.ts";
import { subjectOf } from "../audit/subject.ts";
import type { Transaction } from "../database.ts";
import { endWaiting, requeueWaiting } from "../deployments/end-waiting.ts";
import { SlipwayError } from "../errors.ts";
import type { Demand } from "./evaluate.ts";
import { coreApproval, coreRules, demandOf } from "./evaluate.ts";
import { tellDecided, tellExpired } from "./messages.ts";
import { readGuard } from "./rule-sets-store.ts";
import type { ApprovalDecision, ApprovalEvent } from "./rules.ts";
import { decideApproval } from "./rules.ts";
import type { Waiting } from "./store.ts";
import { clockMs, lockWaiting, saveState } from "./store.ts";

/** An approval with what is asked of it at this moment. */
export interface Asked {
  waiting: Waiting;
  demand: Demand;
}

/** Locks a deployment's approval for the rest of the transaction, with the rules and people of now; undefined when it never had to be approved. */
export async function lockAsked(trx: Transaction, deploymentId: string): Promise<Asked | undefined> {
  const waiting = await lockWaiting(trx, deploymentId);
  const guard = waiting && (await readGuard(trx, waiting.stackId));
  if (waiting === undefined || guard === undefined) return undefined;
  return { waiting, demand: await demandOf(trx, guard, deploymentId, waiting) };
}

/** Asks the core of approvals about one event, by the database's clock. */
export async function ask(
  trx: Transaction,
  { waiting, demand }: Asked,
  event: ApprovalEvent,
): Promise<ApprovalDecision> {
  return decideApproval(coreApproval(waiting, demand), event, coreRules(demand), await clockMs(trx));
}

/** Who did it, for the audit log. */
export interface Doer {
  requestId: string | null;
  /** Of a vote. */
  comment?: string | null;
}

/**
 * Carries out what the core decided about an event that no worker asked about: a vote, a withdrawal, time, another change of the stack. Throws the refusal as its problem. Answers whether
 * anything changed.
 */
export async function apply(
  trx: Transaction,
  { waiting }: Asked,
  decision: ApprovalDecision,
  { requestId, comment = null }: Doer,
): Promise<boolean> {
  if (decision.kind === "refused") throw problemOf(decision.code, decision.detail);
  if (decision.kind !== "changed") return false;
  const { approval, effects } = decision;
  await saveState(trx, waiting.deploymentId, approval);
  const by = effects.find((effect) => effect.kind === "audit")?.by ?? "system";
  for (const effect of effects) {
    if (effect.kind === "audit") await auditApproval(trx, waiting, effect, { requestId, comment });
    else await move(trx, waiting, effect.to, { by, comment });
  }
  return true;
}

/** Writes the audit entry of something that happened to an approval; it names the seal. */
export async function auditApproval(
  trx: Transaction,
  waiting: Pick<Waiting, "organisation" | "project" | "stack" | "deploymentId" | "seal">,
  { action, by }: { action: string; by: string },
  { requestId, comment = null, details = {} }: Doer & { details?: Readonly<Record<string, unknown>> },
): Promise<void> {
  await appendAudit(trx, {
    principal: by,
    action,
    organisation: waiting.organisation,
    subject: subjectOf(waiting),
    details: {
      deployment: waiting.deploymentId,
      seal: waiting.seal,
      ...(comment === null ? {} : { comment }),
      ...details,
    },
    requestId,
  });
}

async function move(
  trx: Transaction,
  waiting: Waiting,
  to: string,
  { by, comment }: { by: string; comment: string | null },
): Promise<void> {
  switch (to) {
    case "queued":
      // While a worker has it, it is asked about again when that one is about to begin.
      await requeueWaiting(trx, waiting, `Approved, at last by ${by}.`);
      await tellDecided(trx, waiting, { word: "approved", by, why: null });
      return;
    case "rejected": {
      const detail = `${by} rejected it: ${comment ?? ""}`;
      const failure = { code: "rejected", detail, remedy: "Settle what was said; then request it again." };
      await endWaiting(trx, waiting, "rejected", { failure, principal: by });
      await tellDecided(trx, waiting, { word: "rejected", by, why: comment });
      return;
    }
    case "expired":
      await endWaiting(trx, waiting, "expired", { failure: EXPIRED, principal: "system" });
      await tellExpired(trx, waiting);
      return;
    case "stale":
      await endWaiting(trx, waiting, "stale", { failure: STALE, principal: "system" });
      return;
    default:
      throw new Error(`an approval does not move its deployment to ${to} by itself`);
  }
}

export const EXPIRED = {
  code: "expired",
  detail: "The time for a decision is over. Nothing was changed.",
  remedy: "Request it again: it gets a new preview and new votes.",
};

const STALE = {
  code: "stale",
  detail: "What would run is no longer what was approved. Nothing was changed.",
  remedy: "Request it again: it gets a new preview and new votes.",
};

function problemOf(
  code: Extract<ApprovalDecision, { kind: "refused" }>["code"],
  detail: string,
): SlipwayError {
  return new SlipwayError(code, detail, { remedy: REMEDIES[code] });
}

const REMEDIES: Readonly<Record<Extract<ApprovalDecision, { kind: "refused" }>["code"], string>> = {
  vote_too_late: "Nothing is left to decide. slipway approvals show <deployment> says how it ended.",
  requester_cannot_vote: "Ask somebody without a part in it: slipway approvals show <deployment> names them.",
  not_an_approver:
    "Whoever is in a group of the rules can vote: slipway approvals show <deployment> names them.",
  stale: "Read what waits now, and vote for its seal: slipway approvals show <deployment>.",
  already_voted: "The vote counts already. To take it back: slipway withdraw <deployment>.",
  not_voted: "There is nothing to withdraw.",
  invalid_request: "Say why in a comment.",
};
