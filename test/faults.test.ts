import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Bed, makeBed } from "./faults/bed.ts";
import { canaryIsSilent, nothingIsLeft } from "./faults/checks.ts";
import { CONTROLS } from "./faults/controls/controls.ts";
import { runControl, showsIt } from "./faults/controls/run.ts";
import { POINTS } from "./faults/points.ts";
import { runTrial, type TrialShared } from "./faults/trial.ts";
import type { Victim } from "./faults/victims.ts";
import { IS_TRIAL } from "./helpers/trial.ts";

/** Few of the pairs that `npm run faults` goes through, each for another way to go on. */
const TRIALS: readonly (readonly [point: string, victim: Victim])[] = [
  ["K8", "worker"],
  ...(IS_TRIAL
    ? ([
        ["K1", "server"],
        ["K3", "postgres"],
        ["K5", "guardian"],
        ["K11", "worker"],
        ["K12", "postgres"],
        ["K3", "server"],
        ["K0", "server"],
        ["K2", "host"],
        ["K4", "worker"],
        ["K6", "postgres"],
        ["K7", "language-host"],
        ["K8", "host"],
        ["K9", "frozen-worker"],
        ["K10", "server"],
      ] as const)
    : []),
];
const CONTROLS_HERE = [
  "audit entries left out",
  ...(IS_TRIAL ? ["epoch check off", "requeue after the update has begun"] : []),
];

describe("trials on one installation", () => {
  const shared: TrialShared = {
    acknowledged: { deployments: [], projects: [] },
    canary: `canary-${randomUUID()}`,
    searchCanary: false,
  };
  let bed: Bed;
  beforeAll(async () => {
    bed = await makeBed();
  });
  afterAll(() => bed.close());

  test.each(TRIALS)("%s, kill -9 of %s: no rule is broken", async (id, victim) => {
    const point = POINTS.find((one) => one.id === id);
    if (point === undefined) throw new Error(`there is no point ${id}`);
    const number = TRIALS.findIndex((one) => one[0] === id && one[1] === victim);
    const result = await runTrial(bed, { number, point, victim, skipPreview: true }, shared);
    expect(result, point.title).toMatchObject({ invalid: null, violations: [] });
  });

  test("after all of them nothing is left, and the secret is nowhere", async () => {
    expect(await nothingIsLeft(bed)).toEqual([]);
    expect(await canaryIsSilent(bed, shared.canary)).toEqual([]);
  });
});

test.each(CONTROLS_HERE)("the trials see a missing protection: %s", async (name) => {
  const control = CONTROLS.find((one) => one.name === name);
  if (control === undefined) throw new Error(`there is no control ${name}`);
  const result = await runControl(control);
  expect(showsIt(control, result), JSON.stringify(result)).toBe(true);
});
