import type { Plan } from "./plan-file.ts";
import type { SealedStep } from "./sealed-steps.ts";
import { isCreated } from "./sealed-steps.ts";

/** Looking for each of so many names in each text takes milliseconds; for thousands it would take longer than the preview. */
const MAX_SEARCHED = 100;
const WORD = /[A-Za-z0-9_-]+/gu;

/** A sealed plan's steps with what its providers drew names from. */
export interface DrawnSteps {
  steps: readonly SealedStep[];
  seeds: Readonly<Record<string, string>>;
}

/** Names that providers drew: as they are in a second preview, and as they were sealed. */
export interface DrawnNames {
  /** From the second preview's to the sealed one. */
  names: ReadonlyMap<string, string>;
  /** Of the resources with such names, by URN: what they were drawn from when they were sealed. */
  seeds: Readonly<Record<string, string>>;
}

/**
 * What differs only because a provider draws a name for each new resource at random (`bucket-1a2b3c4`): the engine gives it another seed in each preview, and takes the plan's in an update.
 *
 * Such a value belongs to a resource that is created, is nothing that the program sets, holds the resource's name, and has the length that it had. The engine holds the update to the sealed value: a provider
 * that makes another one of the sealed seed ends in a violation before the resource is created.
 */
export function drawnNames(sealed: DrawnSteps, again: DrawnSteps): DrawnNames {
  const names = new Map<string, string>();
  const seeds: Record<string, string> = {};
  const sealedSteps = new Map(sealed.steps.map((step) => [step.urn, step]));
  for (const step of again.steps) {
    const was = sealedSteps.get(step.urn);
    const seed = sealed.seeds[step.urn];
    if (was?.goal == null || step.goal === null || seed === undefined || seed === again.seeds[step.urn])
      continue;
    if (!isCreated(was.operations) || !isCreated(step.operations)) continue;
    const name = String(step.goal.name ?? "");
    for (const [before, after] of providedTexts(was.goal, step.goal)) {
      if (before === after || before.length !== after.length || name === "") continue;
      if (!before.includes(name) || !after.includes(name)) continue;
      names.set(after, before);
      seeds[step.urn] = seed;
    }
  }
  return { names, seeds };
}

/** A value with the drawn names of the sealed preview in place of its own, wherever they stand. */
export function withSealedNames<T>(value: T, { names }: Pick<DrawnNames, "names">): T {
  if (names.size === 0) return value;
  return replaced(value, names.size <= MAX_SEARCHED ? searching([...names]) : lookingUp(names)) as T;
}

/** A second preview's plan with names and seeds of the sealed one: what is created has the names that were approved. */
export function withSealedSeeds(plan: Plan, drawn: DrawnNames): Plan {
  const named = withSealedNames(plan, drawn);
  const resourcePlans = Object.entries(named.resourcePlans ?? {}).map(([urn, resource]) => {
    const seed = drawn.seeds[urn];
    return [urn, seed === undefined ? resource : { ...resource, seed }];
  });
  return { ...named, resourcePlans: Object.fromEntries(resourcePlans) };
}

/** Texts of a resource's inputs that its provider filled in, in both previews. */
function* providedTexts(
  was: Record<string, unknown>,
  is: Record<string, unknown>,
): Generator<[string, string]> {
  const own = new Set([...keysOf(was.propertyDependencies), ...keysOf(is.propertyDependencies)]);
  for (const part of ["adds", "updates"]) {
    const before = recordOf(recordOf(was.inputs)[part]);
    const after = recordOf(recordOf(is.inputs)[part]);
    for (const [property, value] of Object.entries(before)) {
      const other = after[property];
      if (!own.has(property) && typeof value === "string" && typeof other === "string") yield [value, other];
    }
  }
}

/** Finds names anywhere in a text. */
function searching(names: readonly (readonly [string, string])[]): (text: string) => string {
  return (text) =>
    names.reduce((done, [from, to]) => (done.includes(from) ? done.replaceAll(from, to) : done), text);
}

/** Finds names that stand as words of their own; one inside of a longer word stays, and is a difference. */
function lookingUp(names: ReadonlyMap<string, string>): (text: string) => string {
  return (text) => text.replaceAll(WORD, (word) => names.get(word) ?? word);
}

function replaced(value: unknown, rename: (text: string) => string): unknown {
  if (typeof value === "string") return rename(value);
  if (Array.isArray(value)) return value.map((item) => replaced(item, rename));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, replaced(item, rename)]));
}

function keysOf(value: unknown): string[] {
  return Object.keys(recordOf(value));
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
