import { expect, test } from "vitest";
import type { PlannedStep, PropertyChange } from "../contract/previews.ts";
import { withSecretChanges } from "./secret-changes.ts";

const secret = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", ciphertext: "v1:x" };
const change = (path: string): PropertyChange => ({
  path,
  kind: "update",
  replaces: false,
  before: 1,
  after: 2,
  known: true,
});
const step = (operation: string, changes: PropertyChange[] = []): PlannedStep => ({
  urn: "urn:pulumi:dev::p::a:b:C::one",
  type: "a:b:C",
  name: "one",
  operation,
  provider: null,
  parent: null,
  dependencies: [],
  protect: false,
  changes,
});
const planOf = (updates: Record<string, unknown>) => ({
  goal: { type: "a:b:C", name: "one", custom: true, inputDiff: { updates } },
});
const pathsOf = ({ changes }: PlannedStep): string[] => changes.map(({ path }) => path);

test("a secret that becomes another one is named, and neither value is told", () => {
  const told = withSecretChanges(step("update", [change("size")]), planOf({ size: 2, password: secret }));
  expect(pathsOf(told)).toEqual(["size", "password"]);
  expect(told.changes[1]).toMatchObject({ before: "[secret]", after: "[secret]" });
  expect(JSON.stringify(told)).not.toContain("v1:x");
});

test("a secret inside of a property is named by that property, once", () => {
  const nested = { environment: { variables: [{ name: "TOKEN", value: secret }] } };
  expect(pathsOf(withSecretChanges(step("replace"), planOf(nested)))).toEqual(["environment"]);
  const known = step("update", [change("environment.variables[0].name")]);
  expect(pathsOf(withSecretChanges(known, planOf(nested)))).toEqual(["environment.variables[0].name"]);
});

test.each(["same", "create", "delete"])("a step '%s' is left as it is", (operation) => {
  const one = step(operation);
  expect(withSecretChanges(one, planOf({ password: secret }))).toBe(one);
});

test("what changes without a secret, and a step without a plan, are left as they are", () => {
  const one = step("update", [change("size")]);
  expect(withSecretChanges(one, planOf({ name: "new" }))).toBe(one);
  expect(withSecretChanges(one, undefined)).toBe(one);
});
