import { peopleOfGroups } from "../access/groups-store.ts";
import type { Risk } from "../contract/approvals.ts";
import type { Transaction } from "../database.ts";
import type { Failure } from "../deployments/completion.ts";
import { holdSignOffs } from "../readiness/asked-store.ts";
import { ask, auditApproval, EXPIRED } from "./decide.ts";
import { findEmergency } from "./emergencies-store.ts";
import type { Demand } from "./evaluate.ts";
import { asksNothing, automaticVotes, coreApproval, coreRules, demandOf, isAutomatic } from "./evaluate.ts";
import type { Change } from "./matching.ts";
import { lifeOf } from "./matching.ts";
import { tellExpired, tellRequested } from "./messages.ts";
import type { Guard } from "./rule-sets-store.ts";
import { isProtected, readGuard } from "./rule-sets-store.ts";
import type { ApprovalState } from "./rules.ts";
import { isApproved } from "./rules.ts";
import type { Waiting } from "./store.ts";
import * as store from "./store.ts";
import { turnStale } from "./turn-stale.ts";
import { approvedBy, missingOf } from "./words.ts";

/** A deployment that a worker is about to carry out. */
export interface Changing {
  deploymentId: string;
  stackId: string;
  attemptId: string;
  organisation: string;
  project: string;
  stack: string;
  cause: string;
  /** A rollback that the stack agreed to beforehand, without a step that cannot be undone. */
  covered?: boolean;
}

/** What the worker knows of the change: its own preview of a moment ago, and the digest of all that a vote is for. */
export interface ChangeNow {
  change: Change;
  /** Null: nothing was sealed, so that nobody can have voted. */
  seal: string | null;
}

/** Whether it may begin. */
export type Begin =
  | { kind: "go"; detail: string | null }
  | { kind: "waits"; detail: string }
  | { kind: "over"; status: "stale" | "rejected" | "expired"; failure: Failure };

/** What is asked of a change before it begins. */
export type Standing =
  | { kind: "free"; detail: string }
  | { kind: "emergency"; detail: string }
  | { kind: "guarded"; guard: Guard; demand: Demand; waiting: Waiting | undefined };

/** What is asked of a change now. Locks the deployment and its approval for the rest of the transaction. */
export async function standingOf(trx: Transaction, changing: Changing, change: Change): Promise<Standing> {
  // Covered by the votes for what it undoes; what its preview holds is looked at before it is queued.
  if (changing.cause === "automatic-rollback") return { kind: "free", detail: "an automatic rollback" };
  if (changing.covered === true)
    return { kind: "free", detail: "a rollback that the stack agreed to beforehand" };
  const waiting = await store.lockWaiting(trx, changing.deploymentId);
  const guard = await readGuard(trx, changing.stackId);
  if (guard === undefined) throw new Error(`the stack ${changing.stackId} is not there`);
  if (waiting === undefined && !isProtected(guard) && !guard.signOff)
    return { kind: "free", detail: "nothing asks for it" };
  const demand = await demandOf(trx, guard, changing.deploymentId, change);
  if (asksNothing(demand)) {
    const detail = change.risk?.tier === "none" ? "nothing is to be changed" : "no rule of the stack matches";
    return waiting === undefined || isOver(waiting.state)
      ? { kind: "free", detail }
      : { kind: "guarded", guard, demand, waiting };
  }
  const emergency = await findEmergency(trx, changing.deploymentId);
  if (emergency !== undefined && !emergency.isOver && (await mayUse(trx, guard, emergency.principal)))
    return {
      kind: "emergency",
      detail: `an emergency of ${emergency.principal}: ${emergency.reason} (${emergency.incident})`,
    };
  return { kind: "guarded", guard, demand, waiting };
}

/** Whether a person may pass the votes of a stack by at this moment. */
export async function mayUse(
  trx: Transaction,
  { organisation, rules }: Guard,
  principal: string,
): Promise<boolean> {
  const groups = await peopleOfGroups(trx, organisation, rules.emergency);
  return [...groups.values()].some((people) => people.has(principal));
}

/**
 * Decides whether a change begins, in the transaction that records the start of its step: with the rules, the people and the clock of this moment, for the seal of this attempt's own
 * preview. The first approved one begins, and every other one of the stack that waits is stale.
 */
export async function begin(trx: Transaction, changing: Changing, now: ChangeNow): Promise<Begin> {
  // Whoever signs off decides about all that waits on the stack, and so does this: one after the other, or each would hold what the other one needs.
  await holdSignOffs(trx, changing.stackId, { gives: false });
  const standing = await standingOf(trx, changing, now.change);
  if (standing.kind === "free") return { kind: "go", detail: null };
  if (standing.kind === "emergency") {
    const seal = now.seal ?? "";
    await auditApproval(
      trx,
      { ...changing, seal },
      { action: "approval.passed_by", by: "system" },
      {
        requestId: null,
        details: { why: standing.detail },
      },
    );
    await othersAreStale(trx, changing);
    return { kind: "go", detail: standing.detail };
  }
  const { demand, waiting } = standing;
  if (waiting === undefined || now.seal === null)
    return { kind: "waits", detail: missingOf(demand, undefined) };
  if (asksNothing(demand)) {
    await store.saveState(trx, changing.deploymentId, { state: "begun", begunBy: changing.attemptId });
    await auditApproval(trx, waiting, { action: "approval.not_needed", by: "system" }, { requestId: null });
    await othersAreStale(trx, changing);
    return { kind: "go", detail: "no rule of the stack matches any more" };
  }
  const fresh = await refresh(trx, waiting, demand, now.change);
  const event = { kind: "begin", seal: now.seal, attempt: changing.attemptId } as const;
  const decision = await ask(trx, { waiting: fresh, demand }, event);
  if (decision.kind === "unchanged") return { kind: "go", detail: null };
  if (decision.kind === "over") return over(decision.status);
  if (decision.kind === "refused") return over("stale");
  const { approval, effects } = decision;
  await store.saveState(trx, changing.deploymentId, approval);
  for (const effect of effects)
    if (effect.kind === "audit") await auditApproval(trx, waiting, effect, { requestId: null });
  switch (approval.state) {
    case "begun":
      await othersAreStale(trx, changing);
      return { kind: "go", detail: approvedBy(fresh, demand) };
    case "expired":
      await tellExpired(trx, waiting);
      return over("expired");
    case "open":
    case "approved":
      return { kind: "waits", detail: missingOf(demand, fresh) };
    default:
      return over(approval.state);
  }
}

/** What becomes of an attempt that may not begin, or that comes to where votes are needed. `again`: enough came a moment ago. */
export type SetAside = { kind: "waits" } | { kind: "again" } | Extract<Begin, { kind: "over" }>;

/**
 * Lets a deployment wait for people, in the transaction that ends its attempt and frees its stack: nobody votes about what a worker still has. Asks them when nobody was asked yet.
 */
export async function setAside(
  trx: Transaction,
  changing: Changing,
  { change, seal, operation }: ChangeNow & { operation: string },
): Promise<SetAside> {
  await holdSignOffs(trx, changing.stackId, { gives: false });
  const standing = await standingOf(trx, changing, change);
  if (standing.kind !== "guarded" || asksNothing(standing.demand)) return { kind: "again" };
  const { demand } = standing;
  if (standing.waiting === undefined) {
    if (seal === null) return over("stale");
    await askForVotes(trx, changing, demand, { change, seal, operation });
  }
  const waiting = await store.findWaiting(trx, changing.deploymentId);
  if (waiting === undefined) throw new Error("the approval that was just inserted is not there");
  if (isOver(waiting.state)) return over(waiting.state);
  const enough = isApproved(coreApproval(waiting, demand), coreRules(demand));
  await store.saveState(trx, changing.deploymentId, { state: enough ? "approved" : "open", begunBy: null });
  return enough ? { kind: "again" } : { kind: "waits" };
}

/** Makes an approval that asks for votes; what automatic rules say is its first ones. Whether they are enough is for the caller to ask. */
export async function askForVotes(
  trx: Transaction,
  changing: Changing,
  demand: Demand,
  { change, seal, operation }: { change: Change; seal: string; operation: string },
): Promise<void> {
  const { deploymentId } = changing;
  const risk = change.risk ?? UNKNOWN_RISK;
  const lifeMs = lifeOf(
    operation,
    demand.rules.map(({ setting }) => setting),
  );
  await store.insertWaiting(trx, { deploymentId, seal, risk, types: change.types, lifeMs });
  await putAutomaticVotes(trx, deploymentId, demand, seal);
  const waiting = await store.findWaiting(trx, deploymentId);
  if (waiting === undefined) throw new Error("the approval that was just inserted is not there");
  await auditApproval(
    trx,
    waiting,
    { action: "approval.requested", by: "system" },
    {
      requestId: null,
      details: {
        risk: risk.tier,
        rules: demand.rules.map(({ setting }) => setting.name),
        ...(demand.signOff === null ? {} : { signOffOf: demand.signOff.brings }),
        rulesVersion: demand.guard.version,
        automatic: demand.rules.flatMap(({ automatic }) => (automatic === null ? [] : [automatic])),
      },
    },
  );
  const asked = { waiting, demand };
  if (!isApproved(coreApproval(waiting, demand), coreRules(demand))) await tellRequested(trx, asked, false);
}

const UNKNOWN_RISK: Risk = {
  tier: "highest",
  reasons: ["There is no preview: nobody knows what would change."],
  counts: {},
};

/** Records what this attempt's preview says, and what automatic rules say to that. */
async function refresh(trx: Transaction, waiting: Waiting, demand: Demand, change: Change): Promise<Waiting> {
  const facts = { risk: change.risk ?? UNKNOWN_RISK, types: change.types };
  await store.saveFacts(trx, waiting.deploymentId, facts);
  for (const { by } of waiting.votes)
    if (isAutomatic(by)) await store.deleteVote(trx, waiting.deploymentId, by);
  await putAutomaticVotes(trx, waiting.deploymentId, demand, waiting.seal);
  return { ...waiting, ...facts };
}

async function putAutomaticVotes(
  trx: Transaction,
  deploymentId: string,
  demand: Demand,
  seal: string,
): Promise<void> {
  for (const vote of automaticVotes(demand, seal))
    await store.putVote(trx, { ...vote, deploymentId, comment: null, signInId: null });
}

function othersAreStale(trx: Transaction, { stackId, deploymentId }: Changing): Promise<number> {
  return turnStale(trx, {
    stackId,
    except: deploymentId,
    why: `Deployment ${deploymentId} of the stack began meanwhile.`,
  });
}

function isOver(state: ApprovalState): state is Exclude<ApprovalState, "open" | "approved" | "begun"> {
  return state !== "open" && state !== "approved" && state !== "begun";
}

function over(state: "stale" | "rejected" | "expired" | "cancelled"): Extract<Begin, { kind: "over" }> {
  switch (state) {
    case "rejected":
      return {
        kind: "over",
        status: "rejected",
        failure: {
          code: "rejected",
          detail: "It was rejected just before it would have begun. Nothing was changed.",
          remedy: "Read why: slipway approvals show <deployment>.",
        },
      };
    case "expired":
      return { kind: "over", status: "expired", failure: EXPIRED };
    case "stale":
    case "cancelled":
      return {
        kind: "over",
        status: "stale",
        failure: {
          code: "stale",
          detail: "What is to run is not what was approved. Nothing was changed.",
          remedy: "Request it again: it gets a new preview and new votes.",
        },
      };
  }
}
