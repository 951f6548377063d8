import { UNKNOWN_TEXT_MARK } from "../contract/pulumi-marks.ts";
import type { PlannedProvider } from "../engine/planned-steps.ts";
import { isSealedValue } from "../engine/property-changes.ts";
import { isCredential, isProviderType } from "./credentials.ts";
import type { Plan, PlanDiff, ResourcePlan } from "./plan-file.ts";

/** As a value of a plan it accepts any value. Source: pkg/resource/deploy/plan.go (checkDiff) and pkg/resource/stack/deployment.go at 3.250.0. */
const ANY_VALUE = UNKNOWN_TEXT_MARK;

/**
 * The plan with the credentials of providers left open, and nothing else. A token that is drawn anew for each run of the program would break every bound update: the preview saw another one.
 *
 * For each provider resource, the values of its credentials accept any value. A provider that the preview left as it is may be updated in them: its token may be renewed between preview and update. All
 * else about it, its other properties and each other resource stay as they were planned. That a provider would have to be replaced stays a violation.
 */
export function withOpenCredentials(plan: Plan, providers: readonly PlannedProvider[]): Plan {
  const secrets = new Map(providers.map(({ urn, secretProperties }) => [urn, secretProperties]));
  const resourcePlans = Object.fromEntries(
    Object.entries(plan.resourcePlans ?? {}).map(([urn, resource]) => [
      urn,
      resource.goal !== null && resource.goal !== undefined && isProviderType(resource.goal.type)
        ? opened(resource, secrets.get(urn) ?? [])
        : resource,
    ]),
  );
  return { ...plan, resourcePlans };
}

function opened(resource: ResourcePlan, secretProperties: readonly string[]): ResourcePlan {
  const { goal } = resource;
  if (goal === null || goal === undefined) return resource;
  const diff = goal.inputDiff ?? {};
  const adds = openedValues(diff.adds);
  const updates = openedValues(diff.updates);
  const isPlanned = (name: string): boolean =>
    name in adds || name in updates || (diff.deletes ?? []).includes(name);
  const unchanged = [
    ...new Set([...secretProperties, ...Object.keys(goal.propertyDependencies ?? {})]),
  ].filter((name) => isCredential(name, secretProperties.includes(name)) && !isPlanned(name));
  for (const name of unchanged) updates[name] = ANY_VALUE;
  const inputDiff: PlanDiff = { ...diff, adds, updates };
  const steps = unchanged.length === 0 ? resource.steps : resource.steps?.map(asUpdate);
  return { ...resource, goal: { ...goal, inputDiff }, ...(steps === undefined ? {} : { steps }) };
}

/** An engine that is held to `update` may also leave the resource as it is. */
function asUpdate(step: string): string {
  return step === "same" ? "update" : step;
}

function openedValues(values: PlanDiff["adds"]): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values ?? {}).map(([name, value]) => [
      name,
      isCredential(name, isSealedValue(value)) ? ANY_VALUE : openedWithin(value),
    ]),
  );
}

/** Credentials inside of a property, such as one of several accounts of a provider. */
function openedWithin(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(openedWithin);
  if (typeof value !== "object" || value === null || isSealedValue(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name,
      isCredential(name, isSealedValue(item)) ? ANY_VALUE : openedWithin(item),
    ]),
  );
}
