import type { StackRules } from "@slipway/automation/contract";
import { expect, test } from "vitest";
import { draftOf, newRule, rulesOf } from "./rules-form.ts";

const RULES: StackRules = {
  rules: [
    {
      name: "two-eyes",
      operations: ["update", "destroy"],
      minRisk: "high",
      resourceTypes: ["aws:rds/*", "aws:s3/*"],
      need: 2,
      from: ["dba"],
      automatic: null,
      expiresInHours: 4,
    },
    {
      name: "all",
      operations: null,
      minRisk: "low",
      resourceTypes: null,
      need: 1,
      from: [],
      automatic: "adds-only",
      expiresInHours: 24,
    },
  ],
  statefulTypes: ["harbour:index:Ledger"],
  emergency: ["on-call"],
};

test("what a form shows and nobody changes asks for the same rules", () => {
  expect(rulesOf(draftOf(RULES))).toEqual(RULES);
});

test("lists are read with commas, spaces and lines between their words", () => {
  const draft = draftOf(RULES);
  const [first] = draft.rules;
  if (first === undefined) throw new Error("there is a rule");
  const typed = rulesOf({
    ...draft,
    rules: [{ ...first, resourceTypes: " a:b:C,\n d:e:* " }],
    statefulTypes: "",
  });
  expect(typed.rules[0]?.resourceTypes).toEqual(["a:b:C", "d:e:*"]);
  expect(typed.statefulTypes).toEqual([]);
});

test("a new rule has a name and a key of its own", () => {
  let draft = draftOf({ rules: [], statefulTypes: [], emergency: [] });
  for (let count = 0; count < 3; count += 1) draft = { ...draft, rules: [...draft.rules, newRule(draft)] };
  draft = { ...draft, rules: draft.rules.slice(1) };
  draft = { ...draft, rules: [...draft.rules, newRule(draft)] };
  expect(new Set(draft.rules.map(({ name }) => name)).size).toBe(3);
  expect(new Set(draft.rules.map(({ key }) => key)).size).toBe(3);
});
