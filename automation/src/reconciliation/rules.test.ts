import { expect, test } from "vitest";
import { checkReconcile, evidenceOf, needsReconciled } from "./rules.ts";

const at = new Date(0);

test("what is known of a restored stack follows from the newest look and from what has changed its state", () => {
  const look = (differs: boolean, changedState: boolean) => ({ differs, changedState, at });
  expect(evidenceOf({ look: null, stateMoved: false })).toBe("never");
  expect(evidenceOf({ look: null, stateMoved: true })).toBe("never");
  expect(evidenceOf({ look: look(false, false), stateMoved: false })).toBe("clean");
  expect(evidenceOf({ look: look(false, true), stateMoved: false })).toBe("clean");
  expect(evidenceOf({ look: look(true, false), stateMoved: false })).toBe("differs");
  expect(evidenceOf({ look: look(true, true), stateMoved: true })).toBe("taken-over");
  // A second refresh finds nothing: the differences of the first are still to be looked at.
  expect(evidenceOf({ look: look(false, true), stateMoved: true })).toBe("taken-over");
  expect(evidenceOf({ look: look(true, false), stateMoved: true })).toBe("differs");
});

test("only a stack that was looked at is reconciled, and one that differed only by a person's word", () => {
  const allowed = (evidence: Parameters<typeof checkReconcile>[0], confirmed: boolean): boolean => {
    try {
      checkReconcile(evidence, confirmed, "default/shop/test");
      return true;
    } catch (error) {
      expect(error).toMatchObject({
        code: "unreconciled",
        remedy: expect.stringContaining("default/shop/test") as string,
      });
      return false;
    }
  };
  expect(allowed("clean", false)).toBe(true);
  expect(allowed("taken-over", false)).toBe(false);
  expect(allowed("taken-over", true)).toBe(true);
  for (const confirmed of [false, true]) {
    expect(allowed("never", confirmed)).toBe(false);
    expect(allowed("differs", confirmed)).toBe(false);
  }
});

test("what changes resources by the state waits; what looks or puts the state right does not", () => {
  for (const operation of ["update", "rollback", "destroy"] as const)
    expect(needsReconciled(operation)).toBe(true);
  for (const operation of ["preview", "refresh", "detect-drift", "import", "edit"] as const)
    expect(needsReconciled(operation)).toBe(false);
});
