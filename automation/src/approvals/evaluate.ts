import { peopleWhoDeploy } from "../access/groups-store.ts";
import type { ApprovalRule as RuleSetting } from "../contract/approvals.ts";
import type { Database } from "../database.ts";
import type { AskedSignOff } from "../readiness/asked-store.ts";
import { signOffAskedOf } from "../readiness/asked-store.ts";
import type { Change } from "./matching.ts";
import { automaticVote, automaticVoter, rulesFor } from "./matching.ts";
import { membersOf } from "./people.ts";
import type { Requester } from "./requesters-store.ts";
import { requestersOf } from "./requesters-store.ts";
import type { Guard } from "./rule-sets-store.ts";
import type { Approval, Requirement, Vote } from "./rules.ts";
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
  /** The sign-off that it has to have, with who may give one now; null: none. */
  signOff: (AskedSignOff & { people: ReadonlySet<string> }) | null;
  requesters: readonly Requester[];
}

/** Whether a change may begin at once: no rule matches it, and it needs no sign-off. */
export function asksNothing({ rules, signOff }: Demand): boolean {
  return rules.length === 0 && signOff === null;
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
  const asked = guard.signOff ? await signOffAskedOf(db, deploymentId) : null;
  const signOff = asked && { ...asked, people: await peopleWhoDeploy(db, guard.organisation) };
  return { guard, rules, signOff, requesters: await requestersOf(db, deploymentId, groups) };
}

/** What is asked as the core of approvals takes it. */
export function coreRules({ rules, signOff }: Demand): Requirement[] {
  const votes = rules.map(({ setting, people, automatic }) => ({
    id: setting.name,
    need: setting.need,
    members: automatic?.votes === true ? new Set([...people, automatic.voter]) : people,
  }));
  if (signOff === null) return votes;
  const inForce = signOff.signOffs.filter(({ mayDeploy }) => mayDeploy).map(({ by }) => by);
  return [...votes, { id: "sign-off", signedBy: new Set(inForce) }];
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
