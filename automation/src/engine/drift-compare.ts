/*
 * When two values of a property are the same, whatever their texts: providers answer lists in any order, JSON with other spaces, and nothing as null, "", [] or {}. Pure.
 */

import { FILE_MARKS, SECRET_MARK, SIGNATURE } from "../contract/pulumi-marks.ts";

/** JSON within JSON within JSON: nobody writes it deeper, and a text must not cost a stack overflow. */
const DEEPEST_TEXT = 4;
/** A number of more digits than a double holds would be another one after parsing. */
const TOO_EXACT = /\d{16,}/u;
/** By one of these, elements of a list are known again when something else of them changed. */
const IDENTITIES = ["key", "Key", "name", "Name", "id", "Id", "sid", "Sid"];

type Json = Readonly<Record<string, unknown>>;

/** A property that differs, by the path that Pulumi gives it. `undefined`: it is not there. */
export interface Difference {
  path: string;
  before: unknown;
  after: unknown;
}

/** How two sides differ. */
export interface Comparison {
  /** Two values that can be compared and are not the same. */
  changed: Difference[];
  /** The same value in another form. */
  form: Difference[];
  /** Sealed before and now: nobody can compare them. */
  sealed: string[];
  /** Sealed on one side only. */
  unsealed: string[];
}

/** A text that is the same for all forms of one value, and different for different values. */
export function canonical(value: unknown): string {
  return canon(value, 0);
}

/** Compares the properties of one side of a resource. */
export function compareProperties(before: unknown, after: unknown): Comparison {
  const found: Comparison = { changed: [], form: [], sealed: [], unsealed: [] };
  const sealedNow = new Set(sealedPaths(after ?? {}));
  found.sealed = sealedPaths(before ?? {}).filter((path) => sealedNow.has(path));
  walk(before ?? {}, after ?? {}, "", found);
  return found;
}

/** Whether a value is sealed, or holds something that is. */
export function holdsSeal(value: unknown): boolean {
  if (isSealed(value)) return true;
  if (Array.isArray(value)) return value.some(holdsSeal);
  return isObject(value) && Object.values(value).some(holdsSeal);
}

/** Where the sealed values of a side are. */
export function sealedPaths(value: unknown, path = ""): string[] {
  if (isSealed(value)) return [path];
  if (Array.isArray(value)) return value.flatMap((item, index) => sealedPaths(item, `${path}[${index}]`));
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([name, item]) => sealedPaths(item, below(path, name)));
}

export function isSealed(value: unknown): boolean {
  return isObject(value) && value[SIGNATURE] === SECRET_MARK;
}

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function canon(value: unknown, texts: number): string {
  if (typeof value === "string") {
    const parsed = texts < DEEPEST_TEXT ? parsedText(value) : undefined;
    if (parsed !== undefined) return canon(parsed, texts + 1);
    return value === "" ? "null" : JSON.stringify(value);
  }
  if (Array.isArray(value)) {
    if (value.length === 0) return "null";
    return `[${value
      .map((item) => canon(item, texts))
      .sort()
      .join()}]`;
  }
  if (!isObject(value)) return JSON.stringify(value ?? null);
  if (FILE_MARKS.has(value[SIGNATURE]) && typeof value.hash === "string") return `file ${value.hash}`;
  const members = Object.entries(value)
    .map(([name, item]) => [name, canon(item, texts)] as const)
    .filter(([, text]) => text !== "null")
    .sort(([one], [other]) => (one < other ? -1 : 1));
  if (members.length === 0) return "null";
  return `{${members.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join()}}`;
}

/** The object or list that a text is JSON of; undefined for any other text. */
function parsedText(text: string): unknown {
  if (!/^\s*[[{]/u.test(text) || TOO_EXACT.test(text)) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // A text that only begins like JSON is a text.
    return undefined;
  }
}

function walk(before: unknown, after: unknown, path: string, found: Comparison): void {
  if (isSealed(before) || isSealed(after)) {
    if (isSealed(before) && isSealed(after)) return;
    // One that appeared or went is a difference whatever its value.
    if (before === undefined || after === undefined) found.changed.push({ path, before, after });
    else found.unsealed.push(path);
    return;
  }
  if (isSameFile(before, after)) return;
  if (canonical(before) === canonical(after)) {
    if (path !== "" && JSON.stringify(before) !== JSON.stringify(after))
      found.form.push({ path, before, after });
    else if (path === "") walkForms(before, after, found);
    return;
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    walkList(before, after, path, found);
    return;
  }
  if (isPlain(before) && isPlain(after)) {
    for (const name of namesOf(before, after)) walk(before[name], after[name], below(path, name), found);
    return;
  }
  found.changed.push({ path, before, after });
}

/** Of two sides that are the same as a whole, property by property. */
function walkForms(before: unknown, after: unknown, found: Comparison): void {
  if (!isObject(before) || !isObject(after)) return;
  for (const name of namesOf(before, after)) walk(before[name], after[name], name, found);
}

/** Elements have no order: those that are in both lists are left out, the rest is matched by what names them. The index is that of the state, which does not move. */
function walkList(
  before: readonly unknown[],
  after: readonly unknown[],
  path: string,
  found: Comparison,
): void {
  const left = after.map((item) => ({ item, text: canonical(item) }));
  const gone: { item: unknown; index: number }[] = [];
  before.forEach((item, index) => {
    const text = canonical(item);
    const same = left.findIndex((one) => one.text === text);
    if (same === -1) gone.push({ item, index });
    else left.splice(same, 1);
  });
  const added = left.map(({ item }) => item);
  const unmatched = gone.filter(({ item, index }) => {
    const other = added.findIndex((one) => isSameElement(item, one));
    if (other === -1) return true;
    walk(item, added[other], `${path}[${index}]`, found);
    added.splice(other, 1);
    return false;
  });
  const [only] = unmatched;
  if (only !== undefined && unmatched.length === 1 && added.length === 1) {
    walk(only.item, added[0], `${path}[${only.index}]`, found);
    return;
  }
  for (const { item, index } of unmatched)
    found.changed.push({ path: `${path}[${index}]`, before: item, after: undefined });
  for (const item of added) found.changed.push({ path: `${path}[+]`, before: undefined, after: item });
}

function isSameElement(one: unknown, other: unknown): boolean {
  if (!isObject(one) || !isObject(other)) return false;
  const identity = IDENTITIES.find((name) => typeof one[name] === "string" && one[name] !== "");
  return identity !== undefined && one[identity] === other[identity];
}

/** A refresh is told the hash of a file or an archive and not what is in it: that is no other form that anybody could see. */
function isSameFile(before: unknown, after: unknown): boolean {
  if (!isObject(before) || !isObject(after) || !FILE_MARKS.has(before[SIGNATURE])) return false;
  return (
    before[SIGNATURE] === after[SIGNATURE] && typeof before.hash === "string" && before.hash === after.hash
  );
}

/** An asset's mark is no property of anybody: it differs as a whole. */
function isPlain(value: unknown): value is Json {
  return isObject(value) && !FILE_MARKS.has(value[SIGNATURE]);
}

function namesOf(one: Json, other: Json): string[] {
  return [...new Set([...Object.keys(one), ...Object.keys(other)])];
}

function below(path: string, name: string): string {
  if (!/^[^.[\]"\s]+$/u.test(name)) return `${path}[${JSON.stringify(name)}]`;
  return path === "" ? name : `${path}.${name}`;
}
