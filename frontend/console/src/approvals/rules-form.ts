import type { ApprovalRule, StackRules } from "@slipway/automation/contract";

/** What is typed into the form of one rule: texts as they are, lists with commas. */
export interface RuleDraft {
  readonly key: number;
  readonly name: string;
  readonly operations: readonly string[];
  readonly minRisk: ApprovalRule["minRisk"];
  readonly resourceTypes: string;
  readonly need: number;
  readonly from: readonly string[];
  readonly automatic: ApprovalRule["automatic"];
  readonly expiresInHours: number;
}

export interface RulesDraft {
  readonly rules: readonly RuleDraft[];
  readonly statefulTypes: string;
  readonly emergency: readonly string[];
}

/** The form of the rules in force. */
export function draftOf({ rules, statefulTypes, emergency }: StackRules): RulesDraft {
  return {
    rules: rules.map((rule, key) => ({
      ...rule,
      key,
      operations: rule.operations ?? [],
      resourceTypes: (rule.resourceTypes ?? []).join(", "),
    })),
    statefulTypes: statefulTypes.join(", "),
    emergency,
  };
}

/** The form of a rule that asks for one vote on whatever changes. */
export function newRule(draft: RulesDraft): RuleDraft {
  const names = new Set(draft.rules.map(({ name }) => name));
  let number = draft.rules.length + 1;
  while (names.has(`rule-${number}`)) number += 1;
  return {
    key: Math.max(-1, ...draft.rules.map(({ key }) => key)) + 1,
    name: `rule-${number}`,
    operations: [],
    minRisk: "low",
    resourceTypes: "",
    need: 1,
    from: [],
    automatic: null,
    expiresInHours: 24,
  };
}

/** What the form asks the server for. An empty list of operations or types means all of them. */
export function rulesOf({ rules, statefulTypes, emergency }: RulesDraft): StackRules {
  return {
    rules: rules.map(({ key: _, operations, resourceTypes, from, ...rule }) => ({
      ...rule,
      name: rule.name.trim(),
      operations: operations.length === 0 ? null : (operations as ApprovalRule["operations"]),
      resourceTypes: wordsOf(resourceTypes).length === 0 ? null : wordsOf(resourceTypes),
      from: [...from],
    })),
    statefulTypes: wordsOf(statefulTypes),
    emergency: [...emergency],
  };
}

function wordsOf(text: string): string[] {
  return text
    .split(/[\s,]+/)
    .map((word) => word.trim())
    .filter((word) => word !== "");
}
