import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { z } from "zod";
import { SlipwayError } from "../errors.ts";

/*
 * The plan that `pulumi preview --save-plan` writes. Source: sdk/go/common/apitype/plan.go at 3.250.0. What is not read here is kept as it came.
 */
const STACK_TYPE = "pulumi:pulumi:Stack";
const Properties = z.record(z.string(), z.unknown()).nullish();
const PlanDiff = z.looseObject({
  adds: Properties,
  updates: Properties,
  deletes: z.array(z.string()).nullish(),
});
export type PlanDiff = z.infer<typeof PlanDiff>;
const Goal = z.looseObject({
  type: z.string(),
  name: z.string(),
  custom: z.boolean(),
  inputDiff: PlanDiff.nullish(),
  outputDiff: PlanDiff.nullish(),
  dependencies: z.array(z.string()).nullish(),
  /** A key for each property that the program itself sets. */
  propertyDependencies: z.record(z.string(), z.array(z.string()).nullish()).nullish(),
});
const ResourcePlan = z.looseObject({
  /** Null for what is deleted. */
  goal: Goal.nullish(),
  steps: z.array(z.string()).nullish(),
  /** Base64: what the provider draws names from. */
  seed: z.string().nullish(),
});
export type ResourcePlan = z.infer<typeof ResourcePlan>;
const Plan = z.looseObject({ resourcePlans: z.record(z.string(), ResourcePlan).nullish() });
export type Plan = z.infer<typeof Plan>;

/** A plan as it lies in an attempt's folder. */
export interface PlanFile {
  path: string;
  /** Of its bytes: whoever updates by it sees that it is still the same. */
  sha256: string;
}

/** Reads a saved plan. Throws SlipwayError `plan_unreadable`. */
export async function readPlan(path: string): Promise<Plan> {
  try {
    return Plan.parse(JSON.parse(await readFile(path, "utf8")));
  } catch (cause) {
    throw unreadable("The plan that the preview saved cannot be read.", cause);
  }
}

/** Writes a plan in place of another one. */
export async function writePlan(path: string, plan: Plan): Promise<PlanFile> {
  const text = JSON.stringify(plan);
  await writeFile(path, text, { mode: 0o600 });
  return { path, sha256: sha256(text) };
}

/** Throws SlipwayError `plan_unreadable` unless the file is there with the bytes that were written: an update that is not bound by it must not run. */
export async function checkPlanFile(file: PlanFile): Promise<void> {
  let found: string;
  try {
    found = sha256(await readFile(file.path));
  } catch (cause) {
    throw unreadable("The plan that binds the update is not there.", cause);
  }
  if (found !== file.sha256)
    throw unreadable("The plan that binds the update was changed since the preview.");
}

/** Names of the stack's outputs that become others, by the diff that the engine has planned; no step of a preview tells of them. */
export function changedOutputs(plan: Plan): string[] {
  const stack = Object.values(plan.resourcePlans ?? {}).find(({ goal }) => goal?.type === STACK_TYPE);
  const { adds, updates, deletes } = stack?.goal?.outputDiff ?? {};
  return [...Object.keys(adds ?? {}), ...Object.keys(updates ?? {}), ...(deletes ?? [])].sort();
}

/** What each resource needs, by URN. */
export function edgesOfPlan(plan: Plan): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(plan.resourcePlans ?? {}).map(([urn, { goal }]) => {
      const perProperty = Object.values(goal?.propertyDependencies ?? {}).flatMap((urns) => urns ?? []);
      return [urn, [...new Set([...(goal?.dependencies ?? []), ...perProperty])].sort()];
    }),
  );
}

function sha256(bytes: string | Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function unreadable(message: string, cause?: unknown): SlipwayError {
  return new SlipwayError("plan_unreadable", message, {
    cause,
    remedy: "Nothing was changed. Deploy again: an update never runs unbound.",
  });
}
