import { isDeepStrictEqual } from "node:util";
import { UNKNOWN } from "../../../../infra/providers/local/values.ts";
import { isRecord, type Values } from "./kind.ts";

/** Equal as AWS sees it: lists of the provider are mostly sets, and policies are JSON whose order and blanks do not count. */
export function same(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(canonical(a), canonical(b));
}

function canonical(value: unknown): unknown {
  if (typeof value === "string") return fromJson(value);
  if (Array.isArray(value)) {
    return value.map(canonical).sort((x, y) => (JSON.stringify(x) < JSON.stringify(y) ? -1 : 1));
  }
  if (!isRecord(value)) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined && inner !== null);
  return Object.fromEntries(
    entries.sort(([x], [y]) => (x < y ? -1 : 1)).map(([key, inner]) => [key, canonical(inner)]),
  );
}

function fromJson(text: string): unknown {
  if (!text.startsWith("{") && !text.startsWith("[")) return text;
  try {
    return { json: canonical(JSON.parse(text)) };
  } catch {
    // A text that only begins like one.
    return text;
  }
}

/** What was seen, cut to the parts that the program has set: AWS adds its own. `seen` as it is when it has another form. */
export function project(seen: unknown, set: unknown): unknown {
  if (same(seen, set)) return set;
  if (Array.isArray(seen) && Array.isArray(set)) {
    return seen.map((item) => {
      const likely = set.find((one) => same(project(item, one), one)) ?? set[seen.indexOf(item)];
      return likely === undefined ? item : project(item, likely);
    });
  }
  if (isRecord(seen) && isRecord(set)) {
    const open = isFree(set, seen);
    const keys = open ? Object.keys(seen) : Object.keys(set);
    const kept: Values = {};
    for (const key of keys) {
      if (seen[key] !== undefined) kept[key] = key in set ? project(seen[key], set[key]) : seen[key];
    }
    return kept;
  }
  return seen;
}

/** A map of names that people choose, such as variables, where what was added counts: all values are texts on both sides. */
function isFree(set: Values, seen: Values): boolean {
  const texts = (values: Values) => Object.values(values).every((value) => typeof value === "string");
  return texts(set) && texts(seen) && Object.keys(seen).some((name) => /^[A-Z]/.test(name));
}

/** The values without those parts that are not known yet, and the paths of these. */
export function known(value: Values): { values: Values; unknown: Set<string> } {
  const unknown = new Set<string>();
  const walk = (inner: unknown, path: string): unknown => {
    if (Array.isArray(inner))
      return inner.map((item) => walk(item, `${path}[]`)).filter((item) => item !== undefined);
    if (isRecord(inner)) {
      const kept: Values = {};
      for (const [key, item] of Object.entries(inner)) {
        const value = walk(item, path === "" ? key : `${path}.${key}`);
        if (value !== undefined) kept[key] = value;
      }
      return kept;
    }
    if (inner !== UNKNOWN) return inner;
    unknown.add(path);
    return undefined;
  };
  const values = walk(value, "");
  return { values: isRecord(values) ? values : {}, unknown };
}
