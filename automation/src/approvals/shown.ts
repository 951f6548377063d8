import type { Actor } from "../access/rules.ts";
import type { Approval, ApprovalSummary, RuleProgress } from "../contract/approvals.ts";
import type { Asked } from "./decide.ts";
import { coreApproval, isAutomatic } from "./evaluate.ts";

/** An approval as the API shows it to somebody. `nowMs`: of the database. */
export function shownApproval({ waiting, demand }: Asked, actor: Actor, nowMs: number): Approval {
  const core = coreApproval(waiting, demand);
  const requesters = new Set(demand.requesters.map(({ principal }) => principal));
  const members = new Set(demand.rules.flatMap(({ people }) => [...people]));
  const automatic = core.votes.filter(({ by }) => isAutomatic(by));
  return {
    ...summaryOf({ waiting, demand }, actor, nowMs),
    rules: progressOf({ waiting, demand }),
    rulesVersion: demand.guard.version,
    requesters: [...demand.requesters],
    votes: [
      ...waiting.votes
        .filter(({ by }) => !isAutomatic(by))
        .map(({ by, verdict, comment, castAt, seal }) => {
          const why =
            seal !== waiting.seal
              ? "It was for another seal."
              : requesters.has(by)
                ? "This person has a part in the change."
                : !members.has(by) && demand.rules.length > 0
                  ? "This person is in no group of the rules any more."
                  : null;
          return { principal: by, verdict, comment, castAt: castAt.toISOString(), counts: why === null, why };
        }),
      ...automatic.map(({ by, verdict }) => ({
        principal: by,
        verdict,
        comment: null,
        castAt: waiting.requestedAt.toISOString(),
        counts: true,
        why: null,
      })),
    ],
    ending: waiting.ending,
  };
}

/** The same without who said what. */
export function summaryOf({ waiting, demand }: Asked, actor: Actor, nowMs: number): ApprovalSummary {
  const { deploymentId, organisation, project, stack, number, operation, message, requestedBy } = waiting;
  const { state, seal, risk } = waiting;
  const why = whyNot({ waiting, demand }, actor.id, nowMs);
  const signIn =
    actor.signIn === undefined ? "Sign in first: a vote is by a person who did within 12 hours." : null;
  return {
    ...{
      deploymentId,
      organisation,
      project,
      stack,
      number,
      operation,
      message,
      requestedBy,
      state,
      seal,
      risk,
    },
    requestedAt: waiting.requestedAt.toISOString(),
    expiresAt: waiting.expiresAt.toISOString(),
    decidedAt: waiting.decidedAt?.toISOString() ?? null,
    missing: progressOf({ waiting, demand }).reduce((sum, { missing }) => sum + missing, 0),
    me: { mayVote: why === null && signIn === null, why: why ?? signIn },
  };
}

/** Why a person cannot vote at this moment; null when they can, once they have signed in. */
export function whyNot({ waiting, demand }: Asked, principal: string, nowMs: number): string | null {
  if (waiting.state !== "open" && waiting.state !== "approved") return `It is over: ${waiting.state}.`;
  if (nowMs >= waiting.expiresAt.getTime()) return "The time for a decision is over.";
  const part = demand.requesters.find((one) => one.principal === principal);
  if (part !== undefined) return `Whoever has a part in a change cannot decide about it: ${part.why}.`;
  if (!demand.rules.some(({ people }) => people.has(principal))) return "No rule asks for this person.";
  return null;
}

/** Whether a decision waits for this person: they may vote, votes are missing, and they have said nothing yet. */
export function waitsFor(asked: Asked, principal: string, nowMs: number): boolean {
  return (
    asked.waiting.state === "open" &&
    whyNot(asked, principal, nowMs) === null &&
    !asked.waiting.votes.some(({ by, seal }) => by === principal && seal === asked.waiting.seal)
  );
}

function progressOf({ waiting, demand }: Asked): RuleProgress[] {
  const { votes, seal, requesters } = coreApproval(waiting, demand);
  const counting = votes.filter(
    (one) => one.verdict === "approve" && one.seal === seal && !requesters.has(one.by),
  );
  const spoken = new Set(votes.map(({ by }) => by));
  return demand.rules.map(({ setting, people, automatic }) => {
    const by = counting
      .map((vote) => vote.by)
      .filter((voter) => people.has(voter) || (automatic?.votes === true && automatic.voter === voter));
    return {
      name: setting.name,
      need: setting.need,
      by,
      missing: Math.max(0, setting.need - by.length),
      from: setting.from,
      mayVote: [...people].filter((person) => !requesters.has(person) && !spoken.has(person)).sort(),
      automatic:
        automatic === null || setting.automatic === null
          ? null
          : { kind: setting.automatic, votes: automatic.votes, reason: automatic.reason },
    };
  });
}
