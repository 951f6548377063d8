import type { Actor } from "../access/rules.ts";
import type { Approval, ApprovalSummary, AwaitedSignOff, RuleProgress } from "../contract/approvals.ts";
import type { ChecklistItem } from "../contract/readiness.ts";
import { whyNotCounted } from "../readiness/rules.ts";
import type { Asked } from "./decide.ts";
import { coreApproval, coreRules, isAutomatic } from "./evaluate.ts";
import { isApproved } from "./rules.ts";
import { signersOf, signOffCommand } from "./words.ts";

/** An approval as the API shows it to somebody. `nowMs`: of the database. `open`: what is not done on the checklist of what it brings. */
export function shownApproval(
  { waiting, demand }: Asked,
  { actor, nowMs, open }: { actor: Actor; nowMs: number; open: readonly ChecklistItem[] },
): Approval {
  const core = coreApproval(waiting, demand);
  const requesters = new Set(demand.requesters.map(({ principal }) => principal));
  const members = new Set(demand.rules.flatMap(({ people }) => [...people]));
  const automatic = core.votes.filter(({ by }) => isAutomatic(by));
  return {
    ...summaryOf({ waiting, demand }, actor, nowMs),
    rules: progressOf({ waiting, demand }),
    rulesVersion: demand.guard.version,
    signOff: signOffOf({ waiting, demand }, open),
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
  const asked = { waiting, demand };
  const whyNoVote = whyNot(asked, actor.id, nowMs);
  const whyNoSignOff = whyNotSignOff(asked, actor.id, nowMs);
  const isIn = actor.signIn !== undefined;
  const may = { vote: whyNoVote === null, signOff: whyNoSignOff === null };
  const signIn = isIn ? null : "Sign in first: a vote is by a person who did within 12 hours.";
  const neither = demand.rules.length === 0 && demand.signOff !== null ? whyNoSignOff : whyNoVote;
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
    signOffMissing: isUnsigned(asked),
    me: {
      mayVote: may.vote && isIn,
      maySignOff: may.signOff && isIn,
      why: may.vote || may.signOff ? signIn : neither,
    },
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

/** Why a person cannot sign off what it brings, so that it counts for it; null when they can, once they have signed in. */
export function whyNotSignOff(asked: Asked, principal: string, nowMs: number): string | null {
  const { waiting, demand } = asked;
  if (waiting.state !== "open" && waiting.state !== "approved") return `It is over: ${waiting.state}.`;
  if (nowMs >= waiting.expiresAt.getTime()) return "The time for a decision is over.";
  if (demand.signOff === null) return "It needs no sign-off.";
  const part = demand.requesters.find((one) => one.principal === principal);
  if (part !== undefined) return `Whoever has a part in a change cannot sign it off: ${part.why}.`;
  if (!demand.signOff.people.has(principal)) return "Only people who may deploy here sign off.";
  return isUnsigned(asked) ? null : "It is signed off.";
}

/** Whether a decision waits for this person: they may vote and have said nothing yet, or may sign off what nobody has. */
export function waitsFor(asked: Asked, principal: string, nowMs: number): boolean {
  const { waiting, demand } = asked;
  if (waiting.state !== "open") return false;
  if (whyNotSignOff(asked, principal, nowMs) === null) return true;
  // Whoever could vote is left alone while the sign-off alone is missing.
  const votesAlone = { ...demand, signOff: null };
  return (
    !isApproved(coreApproval(waiting, votesAlone), coreRules(votesAlone)) &&
    whyNot(asked, principal, nowMs) === null &&
    !waiting.votes.some(({ by, seal }) => by === principal && seal === waiting.seal)
  );
}

function isUnsigned({ demand }: Asked): boolean {
  return demand.signOff !== null && signersOf(demand).length === 0;
}

function signOffOf(asked: Asked, open: readonly ChecklistItem[]): AwaitedSignOff | null {
  const { signOff, requesters } = asked.demand;
  const command = signOffCommand(asked.demand);
  if (signOff === null || command === null) return null;
  const parts = new Set(requesters.map(({ principal }) => principal));
  return {
    brings: signOff.brings,
    isMissing: isUnsigned(asked),
    signOffs: signOff.signOffs.map((one) => ({ principal: one.by, why: whyNotCounted(one, parts) })),
    open: [...open],
    mayGive: [...signOff.people].filter((person) => !parts.has(person)).sort(),
    command,
  };
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
