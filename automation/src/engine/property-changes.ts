import { createHash } from "node:crypto";
import type { PropertyChange } from "../contract/previews.ts";
import { SECRET_VALUE } from "../contract/previews.ts";
import { SECRET_MARK, SIGNATURE, UNKNOWN_MARKS } from "../contract/pulumi-marks.ts";

const MAX_CHANGES = 200;
const MAX_TEXT_CHARACTERS = 4_000;

type Json = Readonly<Record<string, unknown>>;

/** Whether a parsed JSON value is one that Pulumi marked as secret. */
export function isSealedValue(value: unknown): value is Json {
  return isRecord(value) && value[SIGNATURE] === SECRET_MARK;
}

/** Whether a parsed JSON value stands for one that is not known before the update. */
function isUnknownValue(value: unknown): boolean {
  return typeof value === "string" && UNKNOWN_MARKS.has(value);
}

/** What a property is changed by, as the provider or the engine found it. */
export interface FoundDifference {
  /** `add`, `delete`, `update`, each also with `-replace`. */
  kind: string;
}

/**
 * What differs between two sets of properties, leaf by leaf, in the form in which Pulumi writes paths; at most 200 of one resource. Secrets become SECRET_VALUE in both, long texts are cut with a mark
 * that tells them apart.
 *
 * What `found` names beyond that is listed too: two secrets that differ look alike here. `replaceKeys`: the properties for which the resource is replaced.
 */
export function propertyChanges(
  before: unknown,
  after: unknown,
  found: Readonly<Record<string, FoundDifference>> = {},
  replaceKeys: readonly string[] = [],
): PropertyChange[] {
  const changes = new Map<string, PropertyChange>();
  const add = (path: string, old: unknown, now: unknown): void => {
    const kind = old === undefined ? "add" : now === undefined ? "delete" : "update";
    changes.set(path, {
      path,
      kind,
      replaces: isReason(path, found, replaceKeys),
      before: shown(old),
      after: isUnknownValue(now) ? null : shown(now),
      known: !isUnknownValue(now),
    });
  };
  walk(before ?? {}, after ?? {}, "", add);
  for (const [path, { kind }] of Object.entries(found)) {
    if ([...changes.keys()].some((known) => isWithin(known, path) || isWithin(path, known))) continue;
    changes.set(path, {
      path,
      kind: kind.startsWith("add") ? "add" : kind.startsWith("delete") ? "delete" : "update",
      replaces: isReason(path, found, replaceKeys),
      before: kind.startsWith("add") ? null : shown(at(before, path)),
      after: kind.startsWith("delete") ? null : shown(at(after, path)),
      known: !isUnknownValue(at(after, path)),
    });
  }
  return [...changes.values()].slice(0, MAX_CHANGES);
}

function walk(
  before: unknown,
  after: unknown,
  path: string,
  add: (path: string, before: unknown, after: unknown) => void,
): void {
  if (isPlainRecord(before) && isPlainRecord(after)) {
    for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
      // What the provider keeps for itself.
      if (path === "" && name.startsWith("__")) continue;
      walk(before[name], after[name], joined(path, name), add);
    }
    return;
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    for (let index = 0; index < Math.max(before.length, after.length); index += 1) {
      walk(before[index], after[index], `${path}[${index}]`, add);
    }
    return;
  }
  if (!isEqual(before, after)) add(path, before, after);
}

function isEqual(before: unknown, after: unknown): boolean {
  if (before === after) return true;
  if (typeof before !== "object" || typeof after !== "object") return false;
  return JSON.stringify(before) === JSON.stringify(after);
}

/** `tags.owner`, and `tags["a.b"]` where the plain form would be read as two names. */
function joined(path: string, name: string): string {
  if (/[.[\]"]/u.test(name) || name === "") return `${path}[${JSON.stringify(name)}]`;
  return path === "" ? name : `${path}.${name}`;
}

function isWithin(path: string, outer: string): boolean {
  return path === outer || (path.startsWith(outer) && /^[.[]/u.test(path.slice(outer.length)));
}

function isReason(
  path: string,
  found: Readonly<Record<string, FoundDifference>>,
  replaceKeys: readonly string[],
): boolean {
  const isNamed = Object.entries(found).some(
    ([named, { kind }]) => kind.endsWith("-replace") && (isWithin(path, named) || isWithin(named, path)),
  );
  return isNamed || replaceKeys.some((key) => isWithin(path, key));
}

/** A value for people: without secrets at any depth, and no longer than somebody reads. */
function shown(value: unknown): unknown {
  if (value === undefined) return null;
  if (isSealedValue(value)) return SECRET_VALUE;
  if (typeof value === "string") return isUnknownValue(value) ? null : cut(value);
  if (Array.isArray(value)) return value.map(shown);
  if (isRecord(value))
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, shown(item)]));
  return value;
}

function cut(text: string): string {
  if (text.length <= MAX_TEXT_CHARACTERS) return text;
  const digest = createHash("sha256").update(text).digest("hex").slice(0, 16);
  return `${text.slice(0, MAX_TEXT_CHARACTERS)} [${text.length - MAX_TEXT_CHARACTERS} more characters, sha256 ${digest}]`;
}

/** What a path names; undefined when there is nothing. */
function at(value: unknown, path: string): unknown {
  let found: unknown = value;
  for (const [, name, index, quoted] of path.matchAll(/([^.[\]]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]/gu)) {
    if (isSealedValue(found)) return found;
    if (Array.isArray(found) && index !== undefined) found = found[Number(index)];
    else if (isRecord(found)) found = found[name ?? index ?? quoted ?? ""];
    else return undefined;
  }
  return found;
}

function isPlainRecord(value: unknown): value is Json {
  return isRecord(value) && !isSealedValue(value);
}

function isRecord(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
