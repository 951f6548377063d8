import type { ApprovalRule as RuleSetting } from "../contract/approvals.ts";
import type { Database } from "../database.ts";
import type { Change } from "./matching.ts";
import { automaticVote, automaticVoter, rulesFor } from "./matching.ts";
import { membersOf } from "./people.ts";
import type { Requester } from "./requesters-store.ts";
import { requestersOf } from "./requesters-store.ts";
import type { Guard } from "./rule-sets-store.ts";
import type { Approval, ApprovalRule, Vote } from "./rules.ts";
import type { Waiting } from "./store.ts";

/** A rule that matches a change, with who counts for it now. */
export interface RuleNow {
  setting: RuleSetting;
  people: ReadonlySet<string>;
  /** Of a rule that votes by itself: as whom, whether it does, and why. */
  automatic: { voter: string; votes: boolean; reason: string } | null;
}

/** What a stack asks of a change at this moment, and of whom. */
export interface Demand {
  guard: Guard;
  rules: readonly RuleNow[];
  requesters: readonly Requester[];
}

/** Reads what is asked of a deployment's change, by the rules and people of this moment. */
export async function demandOf(
  db: Database,
  guard: Guard,
  deploymentId: string,
  change: Change,
): Promise<Demand> {
  const settings = rulesFor(change, { rules: guard.rules.rules, production: guard.production });
  const people = await membersOf(db, guard.organisation, settings);
  const rules = settings.map((setting) => ({
    setting,
    people: people.get(setting.name) ?? new Set<string>(),
    automatic:
      setting.automatic === null
        ? null
        : { voter: automaticVoter(setting, guard.version), ...automaticVote(setting.automatic, change) },
  }));
  const groups = [...new Set(settings.flatMap(({ from }) => from))];
  return { guard, rules, requesters: await requestersOf(db, deploymentId, groups) };
}

/** The rules as the core of approvals takes them. */
export function coreRules({ rules }: Demand): ApprovalRule[] {
  return rules.map(({ setting, people, automatic }) => ({
    id: setting.name,
    need: setting.need,
    members: automatic?.votes === true ? new Set([...people, automatic.voter]) : people,
  }));
}

/** What automatic rules say now. */
export function automaticVotes({ rules }: Demand, seal: string): Vote[] {
  return rules.flatMap(({ automatic }) =>
    automatic?.votes === true ? [{ by: automatic.voter, verdict: "approve", seal }] : [],
  );
}

/** Whether a voter is an automatic rule. */
export function isAutomatic(voter: string): boolean {
  return voter.startsWith("policy:");
}

/** An approval as its core decides about it: with people's votes as they were cast, and those of automatic rules as they are now. */
export function coreApproval(waiting: Waiting, demand: Demand): Approval {
  const { state, seal, expiresAt, begunBy, votes, operation } = waiting;
  return {
    state,
    seal,
    expiresAt: expiresAt.getTime(),
    requesters: new Set(demand.requesters.map(({ principal }) => principal)),
    onePersonOneRule: demand.guard.production,
    needsComment: operation === "destroy",
    votes: [
      ...votes
        .filter(({ by }) => !isAutomatic(by))
        .map(({ by, verdict, seal: of }) => ({ by, verdict, seal: of })),
      ...automaticVotes(demand, seal),
    ],
    begunBy,
  };
}
