import { randomBytes } from "node:crypto";
import { hasUnknown, UNKNOWN } from "../../../../infra/providers/local/values.ts";
import { inputProblems } from "../../../../infra/testing/check-inputs.ts";
import type { ProviderSchema } from "../../../../infra/testing/provider-schema.ts";
import { known, project, same } from "./compare.ts";
import { isRecord, recordOf, type Values } from "./kind.ts";
import type { Traits } from "./traits.ts";

/** What the stand-in knows of @pulumi/aws: inputs as they are declared, and names of outputs. */
export interface Declarations {
  schema: ProviderSchema;
  outputs: Record<string, string[]>;
}

const AUTONAME_BYTES = 4;
const AUTONAME_DIGITS = 7;

/** Inputs with what the provider fills in, and what is wrong with them. A property or value that the declarations do not know is wrong. */
export function check(
  type: string,
  name: string,
  traits: Traits,
  given: Values,
  olds: Values,
  { schema }: Declarations,
): { inputs: Values; problems: string[] } {
  const inputs: Values = { ...traits.defaults, ...given };
  if (traits.named !== undefined && inputs[traits.named] === undefined) {
    const digits = randomBytes(AUTONAME_BYTES).toString("hex").slice(0, AUTONAME_DIGITS);
    inputs[traits.named] = olds[traits.named] ?? `${name}-${digits}`;
  }
  const { values, unknown } = known(given);
  const problems = inputProblems(
    { type, name, inputs: values } as Parameters<typeof inputProblems>[0],
    schema,
  ).filter((problem) => ![...unknown].some((path) => problem.includes(` ${path}: is missing`)));
  return { inputs, problems };
}

/** Tags with the provider's own, as AWS gets them. */
export function withAllTags(
  inputs: Values,
  defaults: Readonly<Record<string, string>>,
  taggable: boolean,
): Values {
  return taggable ? { ...inputs, tagsAll: { ...defaults, ...recordOf(inputs, "tags") } } : inputs;
}

/** Names of the inputs that differ, and those that mean a new resource. `news` and `olds` as `withAllTags` gives them. */
export function diff(
  traits: Traits,
  olds: Values,
  news: Values,
): { changed: string[]; replaces: string[]; deleteFirst: boolean } {
  const names = new Set([...Object.keys(olds), ...Object.keys(news)]);
  const changed = [...names].filter(
    (name) => !name.startsWith("__") && (hasUnknown(news[name]) || !same(olds[name], news[name])),
  );
  const replaces = changed.filter((name) => traits.replacedBy.includes(name));
  const { named } = traits;
  // Two cannot have one name at the same time.
  const deleteFirst = replaces.length > 0 && named !== undefined && same(olds[named], news[named]);
  return { changed, replaces, deleteFirst };
}

/** The state as a preview of a create shows it. */
export function stateBeforeCreate(traits: Traits, inputs: Values, outputs: readonly string[]): Values {
  const added = Object.entries(traits.within ?? {}).map(([name, keys]) => [
    name,
    { ...Object.fromEntries(keys.map((key) => [key, UNKNOWN])), ...recordOf(inputs, name) },
  ]);
  return {
    ...Object.fromEntries(outputs.map((name) => [name, UNKNOWN])),
    ...inputs,
    ...Object.fromEntries(added),
  };
}

/** The state as a preview of an update shows it. */
export function stateBeforeUpdate(
  traits: Traits,
  state: Values,
  inputs: Values,
  changed: ReadonlySet<string>,
): Values {
  const unknown = traits.recomputed?.(changed) ?? [];
  const added = Object.keys(traits.within ?? {}).map((name) => [
    name,
    { ...recordOf(state, name), ...recordOf(inputs, name) },
  ]);
  return {
    ...state,
    ...inputs,
    ...Object.fromEntries(added),
    ...Object.fromEntries(unknown.map((name) => [name, UNKNOWN])),
  };
}

/** Inputs as they really are: what was read, cut to what the program has set. */
export function inputsAsSeen(
  inputs: Values,
  seen: Values,
  defaultTags: Readonly<Record<string, string>>,
): Values {
  const all: Values = {};
  for (const [name, set] of Object.entries(inputs)) {
    const value = name in seen ? project(seen[name], set) : set;
    if (value !== undefined) all[name] = value;
  }
  if (!isRecord(seen.tagsAll)) return all;
  const set = recordOf(inputs, "tags");
  const tags = Object.entries(seen.tagsAll).filter(
    ([name, value]) => name in set || defaultTags[name] !== value,
  );
  const seenTags = Object.fromEntries(tags);
  if ("tags" in inputs || tags.length > 0) all.tags = same(seenTags, set) ? set : seenTags;
  return all;
}
