import { expect, test } from "vitest";
import type { Look } from "./rules.ts";
import { checkReconcile, evidenceOf, needsReconciled } from "./rules.ts";

const at = new Date(0);

test("what is known of a restored stack follows from the newest look and from what has changed its state", () => {
  const look = (differs: boolean, changedState: boolean) => ({ differs, changedState, at });
  const evidence = (since: { look: Look | null; stateMoved: boolean }) =>
    evidenceOf({ ...since, hasState: true });
  expect(evidenceOf({ look: null, stateMoved: false, hasState: false })).toBe("nothing");
  expect(evidence({ look: null, stateMoved: false })).toBe("never");
  expect(evidence({ look: null, stateMoved: true })).toBe("never");
  expect(evidence({ look: look(false, false), stateMoved: false })).toBe("clean");
  expect(evidence({ look: look(false, true), stateMoved: false })).toBe("clean");
  expect(evidence({ look: look(true, false), stateMoved: false })).toBe("differs");
  expect(evidence({ look: look(true, true), stateMoved: true })).toBe("taken-over");
  // A second refresh finds nothing: the differences of the first are still to be looked at.
  expect(evidence({ look: look(false, true), stateMoved: true })).toBe("taken-over");
  expect(evidence({ look: look(true, false), stateMoved: true })).toBe("differs");
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
  expect(allowed("nothing", false)).toBe(false);
  expect(allowed("nothing", true)).toBe(true);
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
