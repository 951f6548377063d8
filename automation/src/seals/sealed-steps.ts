import type { PlannedStep } from "../contract/previews.ts";
import { FILE_MARKS, SIGNATURE } from "../contract/pulumi-marks.ts";
import { isSealedValue } from "../engine/property-changes.ts";
import type { Plan, PlanDiff, ResourcePlan } from "./plan-file.ts";

/** What is to happen to one resource, in a form in which equal intentions are equal texts. A secret is an HMAC under SECRET_MAC. */
export interface SealedStep {
  urn: string;
  /** The engine's own words, in order. */
  operations: string[];
  /** By property or option of the resource; null for what is deleted. */
  goal: Record<string, unknown> | null;
}

/** How values of a plan become those of a seal. */
export interface ValueSealing {
  /** HMAC of the value behind a ciphertext. */
  macOf: (ciphertext: string) => string;
  /** The attempt's own folder: it has another name in each attempt, and means nothing. */
  folder: string;
}

const OWN_FOLDER = "<attempt>";
/** The member of what stands for a secret. No program has a property of that name. */
export const SECRET_MAC = "[secret]";

/** Lists whose order says nothing. */
const SETS: ReadonlySet<string> = new Set([
  "dependencies",
  "ignoreChanges",
  "additionalSecretOutputs",
  "aliases",
]);

/** The steps of a saved plan, by URN. */
export function stepsOfPlan(plan: Plan, sealing: ValueSealing): SealedStep[] {
  return Object.entries(plan.resourcePlans ?? {})
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([urn, resource]) => ({
      urn,
      operations: [...(resource.steps ?? [])],
      goal: goalOf(resource, sealing),
    }));
}

/** The steps of a preview without a plan, of a destroy or a refresh. What is deleted is what the state says. */
export function stepsOfReport(steps: readonly PlannedStep[]): SealedStep[] {
  const sealed = steps.map(({ urn, operation, protect, changes }) => ({
    urn,
    operations: [operation],
    goal:
      operation === "delete"
        ? null
        : {
            protect,
            changes: Object.fromEntries(
              changes.map(({ path, kind, after, known }) => [path, { kind, after, known }]),
            ),
          },
  }));
  return sealed.sort((one, other) =>
    `${one.urn} ${one.operations.join()}` < `${other.urn} ${other.operations.join()}` ? -1 : 1,
  );
}

/** Every ciphertext in a plan's intentions, each once. */
export function ciphertextsOf(plan: Plan): string[] {
  const found = new Set<string>();
  const collect = (value: unknown): void => {
    if (isSealedValue(value)) {
      if (typeof value.ciphertext === "string") found.add(value.ciphertext);
    } else if (Array.isArray(value)) value.forEach(collect);
    else if (typeof value === "object" && value !== null) Object.values(value).forEach(collect);
  };
  for (const { goal } of Object.values(plan.resourcePlans ?? {})) collect(goal);
  return [...found];
}

/** What providers draw names from, of what is created. */
export function seedsOf(plan: Plan): Record<string, string> {
  const seeds = Object.entries(plan.resourcePlans ?? {}).flatMap(([urn, { seed, steps }]) =>
    typeof seed === "string" && isCreated(steps ?? []) ? [[urn, seed] as const] : [],
  );
  return Object.fromEntries(seeds);
}

/** Whether the operations make a new resource. */
export function isCreated(operations: readonly string[]): boolean {
  return operations.some((operation) => operation === "create" || operation.includes("replace"));
}

function goalOf({ goal }: ResourcePlan, sealing: ValueSealing): Record<string, unknown> | null {
  if (goal === null || goal === undefined) return null;
  const { inputDiff, outputDiff, propertyDependencies, ...rest } = goal;
  const options = Object.entries(rest).map(([name, value]) => [
    name,
    SETS.has(name) && Array.isArray(value) ? inOrder(value) : sealedValue(value, sealing),
  ]);
  return {
    ...Object.fromEntries(options),
    propertyDependencies: Object.fromEntries(
      Object.entries(propertyDependencies ?? {}).map(([name, urns]) => [name, inOrder(urns ?? [])]),
    ),
    inputs: diffOf(inputDiff, sealing),
    outputs: diffOf(outputDiff, sealing),
  };
}

function diffOf(diff: PlanDiff | null | undefined, sealing: ValueSealing): Record<string, unknown> {
  const deletes = [...(diff?.deletes ?? [])].sort().map((name) => [name, true] as const);
  return {
    adds: sealedValue(diff?.adds ?? {}, sealing),
    updates: sealedValue(diff?.updates ?? {}, sealing),
    deletes: Object.fromEntries(deletes),
  };
}

function sealedValue(value: unknown, sealing: ValueSealing): unknown {
  if (typeof value === "string") return value.replaceAll(sealing.folder, OWN_FOLDER);
  if (Array.isArray(value)) return value.map((item) => sealedValue(item, sealing));
  if (typeof value !== "object" || value === null) return value;
  if (isSealedValue(value)) {
    return typeof value.ciphertext === "string" ? { [SECRET_MAC]: sealing.macOf(value.ciphertext) } : value;
  }
  const members = Object.entries(value);
  const hash = members.find(([name]) => name === "hash")?.[1];
  // Two files are the same by their content, as the engine has it: where they lie says nothing.
  if (
    FILE_MARKS.has(members.find(([name]) => name === SIGNATURE)?.[1]) &&
    typeof hash === "string" &&
    hash !== ""
  )
    return { contentHash: hash };
  return Object.fromEntries(members.map(([name, item]) => [name, sealedValue(item, sealing)]));
}

function inOrder(values: readonly unknown[]): unknown[] {
  return [...values].sort((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1));
}
