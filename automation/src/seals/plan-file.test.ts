import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { AttemptRun } from "../pipeline/attempt-run.ts";
import { update } from "../pipeline/steps/engine.ts";
import { checkPlanFile, readPlan, writePlan } from "./plan-file.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "slipway-plan-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("T8: a plan that is missing, unreadable or changed refuses", async () => {
  const file = path.join(folder, "plan.json");
  await expect(readPlan(file)).rejects.toMatchObject({ code: "plan_unreadable" });
  writeFileSync(file, '{"resourcePlans": {"urn:x": {"goal": 7}}}');
  await expect(readPlan(file)).rejects.toMatchObject({ code: "plan_unreadable" });
  const written = await writePlan(file, { resourcePlans: {} });
  await expect(checkPlanFile(written)).resolves.toBeUndefined();
  writeFileSync(file, '{"resourcePlans": { }}');
  await expect(checkPlanFile(written)).rejects.toMatchObject({ code: "plan_unreadable" });
  rmSync(file);
  await expect(checkPlanFile(written)).rejects.toMatchObject({ code: "plan_unreadable" });
});

test("T8: an update without its plan ends before the engine is asked for anything", async () => {
  const planFile = await writePlan(path.join(folder, "plan.json"), { resourcePlans: {} });
  rmSync(planFile.path);
  for (const results of [{ planFile }, {}]) {
    // Whatever else of an attempt it reached for would be undefined, and throw.
    const run = { claim: { options: {} }, results } as unknown as AttemptRun;
    expect(await update(run)).toMatchObject({ state: "failed", failure: { code: "plan_unreadable" } });
  }
});
