import { expect, test } from "vitest";
import type { PlannedStep } from "../contract/previews.ts";
import type { RollbackFacts } from "./irreversible.ts";
import { compareVersions, irreversibleSteps } from "./irreversible.ts";

const NOTHING: RollbackFacts = {
  steps: [],
  moreStateful: [],
  targetLevel: 0,
  crossed: [],
  plugins: { now: [], target: [] },
  pendingCreates: [],
};

function step(operation: string, type: string, more: Partial<PlannedStep> = {}): PlannedStep {
  const urn = `urn:pulumi:t::p::${type}::it`;
  return {
    urn,
    type,
    name: "it",
    operation,
    provider: null,
    parent: null,
    dependencies: [],
    protect: false,
    changes: [],
    ...more,
  };
}

const idsOf = (facts: Partial<RollbackFacts>): string[] =>
  irreversibleSteps({ ...NOTHING, ...facts }).map(({ id }) => id);

const TABLE = "aws:dynamodb/table:Table";
const FUNCTION = "aws:lambda/function:Function";

test.each([
  ["delete", TABLE, {}, ["delete urn:pulumi:t::p::aws:dynamodb/table:Table::it"]],
  ["replace", TABLE, {}, ["replace urn:pulumi:t::p::aws:dynamodb/table:Table::it"]],
  ["create-replacement", TABLE, {}, ["replace urn:pulumi:t::p::aws:dynamodb/table:Table::it"]],
  ["delete-replaced", TABLE, {}, ["replace urn:pulumi:t::p::aws:dynamodb/table:Table::it"]],
  ["update", TABLE, {}, []],
  ["create", TABLE, {}, []],
  ["delete", FUNCTION, {}, []],
  ["replace", FUNCTION, {}, []],
  ["delete", FUNCTION, { protect: true }, ["delete urn:pulumi:t::p::aws:lambda/function:Function::it"]],
  ["same", TABLE, { protect: true }, []],
  [
    "transmogrify",
    FUNCTION,
    {},
    ["unknown-operation urn:pulumi:t::p::aws:lambda/function:Function::it transmogrify"],
  ],
] as const)("%s of %s with %j asks for %j", (operation, type, more, ids) => {
  expect(idsOf({ steps: [step(operation, type, more)] })).toEqual(ids);
});

test("a replacement is one step, however many words the engine has for it", () => {
  const steps = ["create-replacement", "replace", "delete-replaced"].map((word) => step(word, TABLE));
  expect(idsOf({ steps })).toHaveLength(1);
});

test("types that the stack adds count as those that are known", () => {
  const steps = [step("delete", "ledger:index:Entry")];
  expect(idsOf({ steps })).toEqual([]);
  expect(idsOf({ steps, moreStateful: ["ledger:*"] })).toHaveLength(1);
});

test("data that was taken away, or left for newer versions only, is named with the deployment that did it", () => {
  const at = (number: number, more: object) => ({
    number,
    schema: null,
    level: 0,
    rollbackFloor: null,
    ...more,
  });
  expect(idsOf({ crossed: [at(7, { schema: "expand", level: 2 })] })).toEqual([]);
  expect(idsOf({ crossed: [at(7, { schema: "contract" })] })).toEqual(["schema-contract 7"]);
  const floor = [at(8, { level: 5, rollbackFloor: 4 })];
  expect(idsOf({ crossed: floor, targetLevel: 3 })).toEqual(["rollback-floor 8 4"]);
  expect(idsOf({ crossed: floor, targetLevel: 4 })).toEqual([]);
  expect(idsOf({ crossed: floor })).toEqual(["rollback-floor 8 4"]);
});

test("a provider that would step down is named with both versions; one that stays or steps up is not", () => {
  const of = (now: (string | null)[], target: (string | null)[]): string[] =>
    idsOf({
      plugins: {
        now: now.map((version) => ({ name: "aws", version })),
        target: target.map((version) => ({ name: "aws", version })),
      },
    });
  expect(of(["7.2.0"], ["7.1.9"])).toEqual(["provider-step-down aws 7.2.0 7.1.9"]);
  expect(of(["7.2.0"], ["7.2.0"])).toEqual([]);
  expect(of(["7.2.0"], ["7.10.0"])).toEqual([]);
  expect(of(["7.1.0", "7.2.0"], ["7.1.0", "7.2.0"])).toEqual([]);
  expect(of(["7.2.0"], [null])).toEqual([]);
  expect(of([], ["7.2.0"])).toEqual([]);
});

test("a create of which nobody knows the end is named", () => {
  expect(idsOf({ pendingCreates: [{ urn: "urn:x", name: "x" }] })).toEqual(["pending-create urn:x"]);
});

test("versions are ordered as semver orders them", () => {
  const ordered = ["0.9.0", "1.0.0-alpha.2", "1.0.0-alpha.10", "1.0.0", "v1.0.1", "1.10.0+build.3"];
  for (const [index, version] of ordered.entries()) {
    for (const [other, second] of ordered.entries())
      expect(Math.sign(compareVersions(version, second)), `${version} ${second}`).toBe(
        Math.sign(index - other),
      );
  }
});
