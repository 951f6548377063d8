import type { ApprovalRule, AutomaticVote, Risk } from "../contract/approvals.ts";
import { GuardedOperation } from "../contract/approvals.ts";
import { rank } from "./risk.ts";
import { canServeAll } from "./rules.ts";
import { matchesType } from "./stateful-types.ts";

/** What rules look at in a deployment. */
export interface Change {
  operation: string;
  /** Null: there is no preview, so that nobody knows what would change. */
  risk: Risk | null;
  /** Types of the resources that are to change. */
  types: readonly string[];
}

/** The tag that makes a stack one of production, and its value. */
export const PRODUCTION_TAG = { name: "environment", value: "production" } as const;

export function isProduction(tags: Readonly<Record<string, string>>): boolean {
  return tags[PRODUCTION_TAG.name] === PRODUCTION_TAG.value;
}

/** What a stack of production asks for where none of its own rules matches: one vote of somebody who may deploy there and has no part in the change. */
export const PRODUCTION_RULE: ApprovalRule = {
  name: "production",
  operations: null,
  minRisk: "low",
  resourceTypes: null,
  need: 1,
  from: [],
  automatic: null,
  expiresInHours: 24,
};

/** Operations after which resources or the state may be others. */
const GUARDED: readonly string[] = GuardedOperation.options;
/** Known to change nothing. Every other operation is taken for one that does. */
const LOOKING: readonly string[] = ["preview", "detect-drift"];

/** Whether an operation is known to change nothing. */
export function isLooking(operation: string): boolean {
  return LOOKING.includes(operation);
}

/** The requirements that a change has to meet; none for one that changes nothing. */
export function rulesFor(
  change: Change,
  { rules, production }: { rules: readonly ApprovalRule[]; production: boolean },
): ApprovalRule[] {
  if (isLooking(change.operation) || change.risk?.tier === "none") return [];
  const matching = rules.filter((rule) => matches(rule, change));
  return matching.length === 0 && production ? [PRODUCTION_RULE] : matching;
}

function matches({ operations, minRisk, resourceTypes }: ApprovalRule, change: Change): boolean {
  // What nobody here knows is meant by every rule.
  const isMeant =
    operations === null ||
    !GUARDED.includes(change.operation) ||
    operations.some((one) => one === change.operation);
  if (!isMeant) return false;
  if (change.risk === null) return true;
  if (rank(change.risk.tier) < rank(minRisk)) return false;
  return (
    resourceTypes === null ||
    change.types.some((type) => resourceTypes.some((glob) => matchesType(type, glob)))
  );
}

const STEPS_OF: Readonly<Record<AutomaticVote, readonly string[]>> = {
  "adds-only": ["create"],
  "in-place-only": ["create", "update", "outputs"],
};

/** Whether an automatic rule votes for a change, and why. It never guesses: without a preview, and for any other kind of step, it does not. */
export function automaticVote(
  kind: AutomaticVote,
  { operation, risk }: Change,
): { votes: boolean; reason: string } {
  if (risk === null) return { votes: false, reason: "There is no preview to judge by." };
  if (operation === "destroy") return { votes: false, reason: "It never votes for a destroy." };
  const allowed = STEPS_OF[kind];
  const other = Object.keys(risk.counts).find((step) => !allowed.includes(step));
  if (other !== undefined)
    return { votes: false, reason: `The preview has '${other}', which is more than it votes for.` };
  if (Object.keys(risk.counts).length === 0) return { votes: false, reason: "Nothing is to change." };
  return {
    votes: true,
    reason: kind === "adds-only" ? "Nothing but creates." : "Nothing but creates and changes in place.",
  };
}

/** As whom an automatic rule votes, so that a vote by an older version of the rules counts no more. */
export function automaticVoter(rule: Pick<ApprovalRule, "name">, version: number): string {
  return `policy:${rule.name}@${version}`;
}

const HOUR_MS = 3_600_000;

/** How long votes and preview count, in milliseconds: as the strictest rule says, and an hour for a destroy. */
export function lifeOf(operation: string, rules: readonly Pick<ApprovalRule, "expiresInHours">[]): number {
  const asked = rules.length === 0 ? [PRODUCTION_RULE] : rules;
  const hours = Math.min(...asked.map(({ expiresInHours }) => expiresInHours));
  return (operation === "destroy" ? Math.min(1, hours) : hours) * HOUR_MS;
}

/**
 * Why nobody could ever fulfil these rules; null when enough people could. `membersOf`: those who count for a rule, without whoever sets it, who has a part in every change until the
 * next good release.
 */
export function unfulfillable(
  rules: readonly ApprovalRule[],
  {
    membersOf,
    onePersonOneRule,
  }: { membersOf: (rule: ApprovalRule) => ReadonlySet<string>; onePersonOneRule: boolean },
): string | null {
  for (const rule of rules) {
    const { size } = membersOf(rule);
    // Its own vote is for some changes only; the others need people.
    if (size < rule.need) {
      const people = size === 1 ? "only 1 person" : `only ${size} people`;
      return `The rule '${rule.name}' needs ${rule.need}, and ${size === 0 ? "nobody" : people} could vote for it besides you.`;
    }
  }
  if (!onePersonOneRule) return null;
  for (const operation of GUARDED) {
    const together = rules.filter(
      ({ operations }) => operations === null || operations.some((one) => one === operation),
    );
    const seats = together.map((rule) => ({ need: rule.need, members: membersOf(rule) }));
    const people = [...new Set(seats.flatMap(({ members }) => [...members]))];
    if (!canServeAll(seats, people))
      return `Rules for '${operation}' can match one change together, and on a stack of production each person counts for one of them only: there are too few different people besides you.`;
  }
  return null;
}
