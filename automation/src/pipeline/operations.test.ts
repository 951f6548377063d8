import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DeploymentOperation } from "../contract/deployments.ts";
import type { StepName } from "./operation-lists.ts";
import { OPERATION_LISTS } from "./operation-lists.ts";
import type { RecordedStep } from "./operations.ts";
import {
  CHANGING_STEPS,
  changingStepOf,
  GATE_KEEPS_MS,
  isKept,
  KNOWN_VERSIONS,
  OPERATION_VERSION,
  stepsOf,
} from "./operations.ts";

const ALL_STEPS: StepName[] = [
  "prepare",
  "build",
  "test",
  "gates-before",
  "preview",
  "update",
  "refresh",
  "destroy",
  "ship",
  "gates-after",
  "release",
];

test("a list of steps that has been in a release is never changed: a change makes a new version", () => {
  // Written out again here. Add versions; never edit one that a release has.
  expect(OPERATION_LISTS[1]).toMatchObject({
    preview: ["prepare", "build", "preview"],
    update: ["prepare", "build", "test", "gates-before", "preview", "update", "gates-after", "release"],
    refresh: ["prepare", "refresh"],
    destroy: ["prepare", "destroy"],
    rollback: ["prepare", "preview", "update", "gates-after", "release"],
  });
});

test("version 2 has not been changed, and version 3 differs from it by shipping after each update of a release", () => {
  const { 2: second, 3: third } = OPERATION_LISTS;
  for (const [operation, steps] of Object.entries(second ?? {})) {
    expect(steps, operation).not.toContain("ship");
    const newer = third?.[operation as keyof typeof third];
    expect(newer?.filter((step) => step !== "ship")).toEqual(steps);
    const ships = steps.includes("update");
    expect(newer?.includes("ship"), operation).toBe(ships);
    if (ships) expect(newer?.[newer.indexOf("update") + 1]).toBe("ship");
  }
});

test("the newest known version is what is queued, and one that is not known is refused by name", () => {
  expect(KNOWN_VERSIONS).toContain(OPERATION_VERSION);
  expect(Math.max(...KNOWN_VERSIONS)).toBe(OPERATION_VERSION);
  expect(() => stepsOf("update", {}, OPERATION_VERSION + 1)).toThrow(`version ${OPERATION_VERSION + 1}`);
});

test("options leave steps out, but never the preview of a preview", () => {
  const skipped = stepsOf("update", { skipPreview: true, skipTests: true }, 1);
  expect(skipped).toEqual(["prepare", "build", "gates-before", "update", "gates-after", "release"]);
  expect(stepsOf("preview", { skipPreview: true }, 1)).toContain("preview");
});

test("every step either is known to change nothing, or ends all thought of doing it again", () => {
  for (const step of ALL_STEPS) {
    expect(changingStepOf([step]), step).toBe(CHANGING_STEPS.includes(step) ? step : undefined);
  }
  expect(changingStepOf(["prepare", "a-later-programs-step"])).toBe("a-later-programs-step");
});

describe("what an earlier attempt recorded", () => {
  const recorded = (more: Partial<RecordedStep> = {}): RecordedStep => ({
    state: "succeeded",
    result: null,
    ageMs: 0,
    ...more,
  });

  test("of builds and tests stands, however old it is", () => {
    for (const step of ["build", "test"] as const) {
      expect(isKept(step, "update", recorded({ ageMs: 1e12 }))).toBe(true);
    }
  });
  test("of gates before the update stands for ten minutes", () => {
    expect(isKept("gates-before", "update", recorded({ ageMs: GATE_KEEPS_MS - 1 }))).toBe(true);
    expect(isKept("gates-before", "update", recorded({ ageMs: GATE_KEEPS_MS }))).toBe(false);
  });
  test("of a preview stands when it was all that was asked for; a plan is a file that is gone", () => {
    expect(isKept("preview", "preview", recorded())).toBe(true);
    expect(isKept("preview", "update", recorded())).toBe(false);
    expect(isKept("preview", "rollback", recorded())).toBe(false);
  });
  test("never stands when the step did not succeed, left files behind, or may have changed resources", () => {
    const states = fc.constantFrom("waiting", "running", "failed", "skipped");
    const steps = fc.constantFrom(...ALL_STEPS);
    const operations = fc.constantFrom(...DeploymentOperation.options);
    fc.assert(
      fc.property(steps, operations, states, (step, operation, state) => {
        expect(isKept(step, operation, undefined)).toBe(false);
        expect(isKept(step, operation, recorded({ state }))).toBe(false);
        for (const never of ["prepare", ...CHANGING_STEPS] as const) {
          expect(isKept(never, operation, recorded())).toBe(false);
        }
      }),
    );
  });
});
