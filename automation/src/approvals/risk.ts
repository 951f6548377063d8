import { RiskTier } from "../contract/approvals.ts";
import type { PlannedStep } from "../contract/previews.ts";
import { PROTECT_OPTION } from "../contract/previews.ts";
import { isStateful } from "./stateful-types.ts";

export type { RiskTier } from "../contract/approvals.ts";

/** What a preview means for whoever has to decide about it. */
export interface Risk {
  tier: RiskTier;
  /** Why it is this tier, worst first; one sentence for each kind of step and, of the two highest tiers, each resource's name. */
  reasons: readonly string[];
  /** Steps by the engine's own word; without those that change nothing. */
  counts: Readonly<Record<string, number>>;
}

/** The engine's steps as the deploy package of its Go module names them. Any other word is one that nobody here knows. */
const TIER_OF_STEP: ReadonlyMap<string, RiskTier> = new Map([
  ["same", "none"],
  ["read", "none"],
  ["refresh", "none"],
  ["create", "low"],
  ["import", "low"],
  ["update", "medium"],
  // Out of the state; what is there stays.
  ["discard", "medium"],
  ["read-discard", "medium"],
  ["remove-pending-replace", "medium"],
  ["replace", "high"],
  ["create-replacement", "high"],
  ["read-replacement", "high"],
  ["import-replacement", "high"],
  ["discard-replaced", "high"],
  ["delete-replaced", "high"],
  ["delete", "high"],
]);

/** Counted like a kind of step, so that no automatic rule votes for what it cannot see. */
const SHIP = "ship";
const SHIPS = "Other functions or another site are put in place, of which the preview tells nothing.";
/** Code that serves is another one afterwards, in place. */
const TIER_OF_SHIPPING: RiskTier = "medium";

/** So is this: what is dropped from the state is in no step. */
const CLEAR = "clear-pending-create";
const TIER_OF_CLEARING: RiskTier = "medium";

const OUTPUTS = "outputs";
const TIER_OF_OUTPUTS: RiskTier = "low";

/** And this, of which the engine says that the resource stays the same. */
const UNPROTECT = "unprotect";

/** So many resources are named in one reason. */
const MOST_NAMES = 5;

/**
 * The risk of a change by its preview's steps. Replacing or deleting something is `high`; when it is of a stateful or a protected type, or a step is of a kind that nobody here knows,
 * `highest`. `operation`: of the deployment, in its words. `statefulTypes`: globs that the stack adds to the known ones. `ships`: other
 * functions or another site than what serves are put in place as well, of which no preview tells. `clears`: so many creates that were begun are dropped from the state. `outputs`: names of
 * the stack's outputs that become others, which the engine calls the same as well.
 */
export function riskOf(
  steps: readonly PlannedStep[],
  operation: string,
  {
    statefulTypes = [],
    ships = false,
    clears = 0,
    outputs = [],
  }: {
    statefulTypes?: readonly string[];
    ships?: boolean;
    clears?: number;
    outputs?: readonly string[];
  } = {},
): Risk {
  const counts: Record<string, number> = {};
  const found = new Map<string, { tier: RiskTier; why: string; names: string[] }>();
  for (const step of steps) {
    const { tier, why } = classify(step, statefulTypes);
    if (tier === "none") continue;
    const counted = step.operation === "same" ? UNPROTECT : step.operation;
    counts[counted] = (counts[counted] ?? 0) + 1;
    const group = found.get(why);
    if (group === undefined) found.set(why, { tier, why, names: [step.name] });
    else group.names.push(step.name);
  }
  const groups = [...found.values()].sort((a, b) => rank(b.tier) - rank(a.tier));
  const reasons = groups.map((group) => sentence(group));
  if (ships) {
    counts[SHIP] = 1;
    reasons.push(SHIPS);
  }
  if (clears > 0) {
    counts[CLEAR] = clears;
    reasons.push(`Creates that were begun and may have taken effect are dropped from the state: ${clears}.`);
  }
  const beside = higher(ships ? TIER_OF_SHIPPING : "none", clears > 0 ? TIER_OF_CLEARING : "none");
  const worst = higher(groups[0]?.tier ?? "none", beside);
  // Beside other changes they follow from those; alone, whoever reads them gets something else.
  if (worst === "none" && outputs.length > 0) {
    const why = sentence({ why: "other outputs of the stack", names: outputs, tier: "high" });
    return { tier: TIER_OF_OUTPUTS, reasons: [why], counts: { [OUTPUTS]: outputs.length } };
  }
  if (worst === "none") return { tier: "none", reasons: ["Nothing is to be changed."], counts };
  // Whoever takes a stack away must not get through with what each of its deletions asks for.
  const isDestroy = operation === "destroy" && rank(worst) < rank("high");
  return {
    tier: isDestroy ? "high" : worst,
    reasons: isDestroy ? ["The stack is taken away.", ...reasons] : reasons,
    counts,
  };
}

function higher(one: RiskTier, other: RiskTier): RiskTier {
  return rank(one) < rank(other) ? other : one;
}

/** Where a tier stands: 0 for `none` to 4 for `highest`. */
export function rank(tier: RiskTier): number {
  return RiskTier.options.indexOf(tier);
}

/** Whether a step takes the option away that keeps a resource from being deleted. */
export function losesProtection({ changes }: Pick<PlannedStep, "changes">): boolean {
  return changes.some(({ path }) => path === PROTECT_OPTION);
}

function classify(step: PlannedStep, statefulTypes: readonly string[]): { tier: RiskTier; why: string } {
  const tier = TIER_OF_STEP.get(step.operation);
  if (tier === undefined)
    return { tier: "highest", why: `'${step.operation}', a kind of step that nobody here knows` };
  if (losesProtection(step)) return { tier: "highest", why: "protection taken away" };
  // What a refresh read is other than what the state has: the state is changed.
  if (step.operation === "refresh" && step.changes.length > 0)
    return { tier: "medium", why: "update of the state" };
  // Of the stack itself there is nothing but its name.
  if (step.type === "pulumi:pulumi:Stack" && !step.protect) return { tier: "none", why: WORDS.none };
  if (tier !== "high") return { tier, why: WORDS[tier] };
  const verb =
    step.operation.startsWith("delete") || step.operation === "discard-replaced" ? "delete" : "replace";
  if (step.protect) return { tier: "highest", why: `${verb} of what is protected` };
  if (isStateful(step.type, statefulTypes)) return { tier: "highest", why: `${verb} of what holds data` };
  // A component is made of the resources below it, which have steps of their own.
  if (isComponent(step)) return { tier: "medium", why: `${verb} of a component` };
  return { tier, why: verb };
}

const WORDS: Readonly<Record<Exclude<RiskTier, "high">, string>> = {
  none: "nothing",
  low: "create",
  medium: "update in place",
  highest: "",
};

function isComponent({ provider, type }: PlannedStep): boolean {
  return provider === null && !type.startsWith("pulumi:providers:");
}

function sentence({ why, names, tier }: { why: string; names: readonly string[]; tier: RiskTier }): string {
  const count = `${names.length} ${names.length === 1 ? "resource" : "resources"}`;
  const text = `${why[0]?.toUpperCase() ?? ""}${why.slice(1)}`;
  if (rank(tier) < rank("high")) return `${text}: ${count}.`;
  const shown = names.slice(0, MOST_NAMES).join(", ");
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : "";
  return `${text}: ${shown}${more}.`;
}
