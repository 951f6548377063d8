import type { DeploymentStatus } from "../contract/deployments.ts";

/*
 * The core of approvals: what a vote, a withdrawal, time and a start lead to. It knows no people and no HTTP: who may vote at this moment comes with each question.
 */

/** One requirement of a stack: so many votes of people in a group. `members`: of now, so that nobody counts who was removed since. */
export interface ApprovalRule {
  id: string;
  need: number;
  members: ReadonlySet<string>;
}

/** The other requirement: that somebody without a part in the change has signed off what it brings. `signedBy`: whose sign-offs of exactly that are in force, of people who may still give one. */
export interface SignOffRule {
  id: string;
  signedBy: ReadonlySet<string>;
}

export type Requirement = ApprovalRule | SignOffRule;

/** One person's latest word. */
export interface Vote {
  by: string;
  verdict: "approve" | "reject";
  /** Digest of the seal that the person saw. */
  seal: string;
}

/** `open`: the deployment waits for votes or a sign-off; `approved`: it has had enough of them, and waits for a worker or is with one; `begun`: the update has, and nothing can be withdrawn. */
export type ApprovalState = "open" | "approved" | "begun" | "rejected" | "expired" | "stale" | "cancelled";

/** What waits for approval. Times are milliseconds of the database's clock. */
export interface Approval {
  state: ApprovalState;
  /** Digest of everything that an approval is for. */
  seal: string;
  /** Votes and preview lapse together. */
  expiresAt: number;
  /** Everyone who has a part in the change: caller, token owner, commit author, last editor of config or rules. None of them may vote. */
  requesters: ReadonlySet<string>;
  /** Each person counts for one rule only. */
  onePersonOneRule: boolean;
  /** Whoever approves says why, as whoever rejects always does. */
  needsComment: boolean;
  /** In the order in which they came; one per person. */
  votes: readonly Vote[];
  /** The attempt whose update has begun. */
  begunBy: string | null;
}

/**
 * What happens to it. `sign-off`: one was given or withdrawn, or is asked for no more; which are in force comes with the requirements. `sealed`: it was previewed again; `begin`: a worker is about to
 * update; `time`: a timer is due.
 */
export type ApprovalEvent =
  | { kind: "vote"; vote: Vote; comment: string | null }
  | { kind: "withdraw"; by: string }
  | { kind: "sign-off"; what: "signed_off" | "sign_off_withdrawn" | "sign_off_not_asked"; by: string }
  | { kind: "sealed"; seal: string }
  | { kind: "begin"; seal: string; attempt: string }
  | { kind: "cancel"; by: string }
  | { kind: "time" };

/** What is to be done in the transaction that records the new state. */
export type ApprovalEffect =
  /**
   * The deployment goes to this status from where it waits, in the queue or for votes. While a worker has it, it stays: that worker asks with `begin`, and ends it.
   */
  { kind: "move"; to: DeploymentStatus } | { kind: "audit"; action: string; by: string };

export type ApprovalDecision =
  | { kind: "changed"; approval: Approval; effects: readonly ApprovalEffect[] }
  | { kind: "unchanged" }
  /** To a worker that wanted to begin: it ends the deployment with this status instead. */
  | { kind: "over"; status: Extract<DeploymentStatus, "rejected" | "expired" | "stale" | "cancelled"> }
  | { kind: "refused"; code: RefusalCode; detail: string };

/** Each way to vote wrongly has its own: `vote_too_late` (it is over, or has begun), `requester_cannot_vote`, `not_an_approver` (never was, or was removed), `stale` (another seal), `already_voted`. */
export type RefusalCode =
  | "vote_too_late"
  | "requester_cannot_vote"
  | "not_an_approver"
  | "stale"
  | "already_voted"
  | "not_voted"
  | "invalid_request";

const SYSTEM = "system";

/** Decides about one event. `rules` are those in force now: stricter ones count at once. */
export function decideApproval(
  approval: Approval,
  event: ApprovalEvent,
  rules: readonly Requirement[],
  now: number,
): ApprovalDecision {
  if (approval.state === "begun" && event.kind === "begin" && event.attempt !== approval.begunBy)
    return beginAgain(approval, event, rules, now);
  if (approval.state !== "open" && approval.state !== "approved") return afterItsEnd(approval, event);
  // Whatever else happens at the same moment, time has been up before it.
  if (now >= approval.expiresAt) {
    return event.kind === "vote" || event.kind === "withdraw" || event.kind === "cancel"
      ? refuse("vote_too_late", "The time for a decision is over.")
      : ended(approval, "expired", SYSTEM);
  }
  switch (event.kind) {
    case "time":
      return { kind: "unchanged" };
    case "vote":
      return vote(approval, event, rules);
    case "withdraw":
      return withdraw(approval, event.by, rules);
    case "sign-off":
      return signOff(approval, event, rules);
    case "sealed":
      return event.seal === approval.seal ? { kind: "unchanged" } : ended(approval, "stale", SYSTEM);
    case "begin":
      return begin(approval, event, rules);
    case "cancel":
      return ended(approval, "cancelled", event.by);
  }
}

/** Whether everything that is asked is there: only approvals of this seal by members who have no part in the change count, and only sign-offs of people who have none. */
export function isApproved(
  approval: Pick<Approval, "seal" | "requesters" | "onePersonOneRule" | "votes">,
  rules: readonly Requirement[],
): boolean {
  const { seal, requesters, onePersonOneRule, votes } = approval;
  const voters = votes
    .filter((one) => one.verdict === "approve" && one.seal === seal && !requesters.has(one.by))
    .map(({ by }) => by);
  const people = [...new Set(voters)];
  // An approval without any rule would approve itself.
  if (rules.length === 0) return people.length > 0;
  const isSignedOff = rules.every(
    (rule) => asksVotes(rule) || [...rule.signedBy].some((person) => !requesters.has(person)),
  );
  if (!isSignedOff) return false;
  const voting = rules.filter(asksVotes);
  return onePersonOneRule
    ? canServeAll(voting, people)
    : voting.every(({ need, members }) => people.filter((person) => members.has(person)).length >= need);
}

function asksVotes(rule: Requirement): rule is ApprovalRule {
  return "need" in rule;
}

/** Whether every rule gets enough people when each serves one rule: a matching, found by making room along the way. */
export function canServeAll(
  rules: readonly Pick<ApprovalRule, "need" | "members">[],
  people: readonly string[],
): boolean {
  const seats = rules.flatMap((rule) => Array.from({ length: rule.need }, () => rule));
  const seatOf = new Map<string, number>();
  const seat = (index: number, tried: Set<string>): boolean => {
    for (const person of people) {
      if (seats[index]?.members.has(person) !== true || tried.has(person)) continue;
      tried.add(person);
      const taken = seatOf.get(person);
      if (taken !== undefined && !seat(taken, tried)) continue;
      seatOf.set(person, index);
      return true;
    }
    return false;
  };
  return seats.every((_, index) => seat(index, new Set()));
}

function vote(
  approval: Approval,
  { vote: cast, comment }: Extract<ApprovalEvent, { kind: "vote" }>,
  rules: readonly Requirement[],
): ApprovalDecision {
  if (approval.requesters.has(cast.by)) {
    return refuse("requester_cannot_vote", "Whoever has a part in a change cannot decide about it.");
  }
  if (rules.length > 0 && !rules.some((rule) => asksVotes(rule) && rule.members.has(cast.by))) {
    return refuse("not_an_approver", "No rule of the stack asks for this person.");
  }
  if (cast.seal !== approval.seal) return refuse("stale", "The vote is for something else than what waits.");
  if (
    approval.votes.some(
      ({ by, verdict, seal }) => by === cast.by && verdict === cast.verdict && seal === cast.seal,
    )
  )
    return refuse("already_voted", "This person has said so already.");
  const saysWhy = comment !== null && comment.trim() !== "";
  if (cast.verdict === "reject") {
    if (!saysWhy) return refuse("invalid_request", "A rejection says why in a comment.");
    return ended(withVote(approval, cast), "rejected", cast.by);
  }
  if (approval.needsComment && !saysWhy)
    return refuse("invalid_request", "Whoever approves this operation says why in a comment.");
  return counted(withVote(approval, cast), rules, [
    { kind: "audit", action: "approval.approved", by: cast.by },
  ]);
}

function withdraw(approval: Approval, by: string, rules: readonly Requirement[]): ApprovalDecision {
  if (!approval.votes.some((one) => one.by === by))
    return refuse("not_voted", "This person has not voted here.");
  const votes = approval.votes.filter((one) => one.by !== by);
  return counted({ ...approval, votes }, rules, [{ kind: "audit", action: "approval.withdrawn", by }]);
}

function signOff(
  approval: Approval,
  { what, by }: Extract<ApprovalEvent, { kind: "sign-off" }>,
  rules: readonly Requirement[],
): ApprovalDecision {
  // It was all that was asked for.
  const isOnly = what === "sign_off_not_asked" && rules.length === 0;
  return counted(
    approval,
    rules,
    [{ kind: "audit", action: `approval.${what}`, by }],
    isOnly || isApproved(approval, rules),
  );
}

/** Votes or sign-offs have changed. A deployment that already has its place in the queue keeps it: its start counts once more. */
function counted(
  approval: Approval,
  rules: readonly Requirement[],
  effects: readonly ApprovalEffect[],
  isMet = isApproved(approval, rules),
): ApprovalDecision {
  const moves: ApprovalEffect[] = isMet && approval.state === "open" ? [{ kind: "move", to: "queued" }] : [];
  const state = isMet ? "approved" : approval.state;
  return { kind: "changed", approval: { ...approval, state }, effects: [...effects, ...moves] };
}

/** Just before the update everything is asked again: what is to run is what was sealed, and the votes are still enough. */
function begin(
  approval: Approval,
  { seal, attempt }: Extract<ApprovalEvent, { kind: "begin" }>,
  rules: readonly Requirement[],
): ApprovalDecision {
  if (seal !== approval.seal) return ended(approval, "stale", SYSTEM);
  if (approval.state === "approved" && isApproved(approval, rules)) {
    const effects: ApprovalEffect[] = [{ kind: "audit", action: "approval.begun", by: SYSTEM }];
    return { kind: "changed", approval: { ...approval, state: "begun", begunBy: attempt }, effects };
  }
  const effects: ApprovalEffect[] = [
    { kind: "move", to: "waiting_approval" },
    { kind: "audit", action: "approval.asked_again", by: SYSTEM },
  ];
  return { kind: "changed", approval: { ...approval, state: "open" }, effects };
}

/**
 * The attempt that had begun was lost before it changed anything, else there would be no other one: it is asked again, and the same votes count as far as they still do.
 */
function beginAgain(
  approval: Approval,
  event: Extract<ApprovalEvent, { kind: "begin" }>,
  rules: readonly Requirement[],
  now: number,
): ApprovalDecision {
  const again: Approval = { ...approval, state: "approved", begunBy: null };
  return now >= approval.expiresAt ? ended(again, "expired", SYSTEM) : begin(again, event, rules);
}

/** The last word has been said; begun, the change is under way. Who began it may not have heard so, and asks again. */
function afterItsEnd(approval: Approval, event: ApprovalEvent): ApprovalDecision {
  const { state } = approval;
  if (event.kind === "begin") {
    if (state === "begun" && approval.begunBy === event.attempt) return { kind: "unchanged" };
    if (state === "rejected" || state === "expired" || state === "stale" || state === "cancelled")
      return { kind: "over", status: state };
  }
  return event.kind === "time" || event.kind === "sealed" || event.kind === "sign-off"
    ? { kind: "unchanged" }
    : refuse("vote_too_late", `The approval is over: ${state}.`);
}

function ended(
  approval: Approval,
  state: Extract<ApprovalState, "rejected" | "expired" | "stale" | "cancelled">,
  by: string,
): ApprovalDecision {
  const effects: ApprovalEffect[] = [
    { kind: "move", to: state },
    { kind: "audit", action: `approval.${state}`, by },
  ];
  return { kind: "changed", approval: { ...approval, state }, effects };
}

function withVote(approval: Approval, cast: Vote): Approval {
  return { ...approval, votes: [...approval.votes.filter(({ by }) => by !== cast.by), cast] };
}

function refuse(code: RefusalCode, detail: string): ApprovalDecision {
  return { kind: "refused", code, detail };
}
