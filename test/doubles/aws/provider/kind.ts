import type { Clients } from "./clients.ts";

/** Values of a resource, in the provider's names and without marks. */
export type Values = Record<string, unknown>;

/**
 * One type of resource on AWS. Inputs come checked and complete; `tagsAll` holds the tags with the provider's default ones. What goes wrong is thrown as
 * it comes from AWS.
 */
export interface Kind {
  /** Makes it; answers its id. */
  create(inputs: Values, clients: Clients): Promise<string>;
  /**
   * What is there, in the provider's names: inputs and outputs as far as AWS tells them; undefined when it is gone. `known`: inputs of the state, for what has no other way to be found.
   */
  read(id: string, clients: Clients, known: Values): Promise<Values | undefined>;
  /** Absent: every change makes it anew. `changed`: names of the inputs that differ. */
  update?(id: string, inputs: Values, clients: Clients, changed: ReadonlySet<string>): Promise<void>;
  /** Nothing to delete is no failure. */
  delete(id: string, state: Values, clients: Clients): Promise<void>;
}

/** Answers undefined when AWS says, by one of these names, that it is not there. */
export async function unlessGone<T>(asked: Promise<T>, ...names: readonly string[]): Promise<T | undefined> {
  try {
    return await asked;
  } catch (thrown) {
    if (thrown instanceof Error && names.includes(thrown.name)) return undefined;
    throw thrown;
  }
}

export function textOf(values: Values, name: string): string {
  const value = values[name];
  if (typeof value !== "string") throw new Error(`${name} must be a text, is ${JSON.stringify(value)}`);
  return value;
}

/** The text, or undefined when it is not given. */
export function maybeText(values: Values, name: string): string | undefined {
  return values[name] === undefined ? undefined : textOf(values, name);
}

export function maybeNumber(values: Values, name: string): number | undefined {
  const value = values[name];
  if (value !== undefined && typeof value !== "number") throw new Error(`${name} must be a number`);
  return value;
}

export function maybeFlag(values: Values, name: string): boolean | undefined {
  const value = values[name];
  if (value !== undefined && typeof value !== "boolean") throw new Error(`${name} must be true or false`);
  return value;
}

export function textsOf(values: Values, name: string): string[] {
  const value = values[name] ?? [];
  if (!Array.isArray(value)) throw new Error(`${name} must be a list`);
  return value.map(String);
}

export function recordOf(values: Values, name: string): Values {
  return isRecord(values[name]) ? values[name] : {};
}

export function recordsOf(values: Values, name: string): Values[] {
  const value = values[name] ?? [];
  if (!Array.isArray(value)) throw new Error(`${name} must be a list`);
  return value.filter(isRecord);
}

export function isRecord(value: unknown): value is Values {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Tags as most services take them. */
export function tagList(inputs: Values): { Key: string; Value: string }[] {
  return Object.entries(recordOf(inputs, "tagsAll")).map(([Key, Value]) => ({ Key, Value: String(Value) }));
}

/** Tags as a map. */
export function tagMap(inputs: Values): Record<string, string> {
  return Object.fromEntries(tagList(inputs).map(({ Key, Value }) => [Key, Value]));
}

/** The same from what AWS answers. */
export function tagsFrom(
  list: readonly { Key?: string | undefined; Value?: string | undefined }[] | undefined,
): Values {
  return Object.fromEntries((list ?? []).map(({ Key, Value }) => [Key ?? "", Value ?? ""]));
}

/** Tags that were there and are not wanted any more. */
export function tagsToDrop(inputs: Values, there: Values): string[] {
  const wanted = recordOf(inputs, "tagsAll");
  return Object.keys(there).filter((name) => !(name in wanted));
}
