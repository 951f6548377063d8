import { SECRET_VALUE } from "../contract/previews.ts";
import { SECRET_MARK, SIGNATURE, UNKNOWN_MARKS } from "../contract/pulumi-marks.ts";

/** What stands for a value that is only known during the update, within a larger one. */
const UNKNOWN_TEXT = "[known during the update]";

/** Whether the value is a secret, as the API or as Pulumi itself marks one. */
export function isSecret(value: unknown): boolean {
  return value === SECRET_VALUE || (isObject(value) && value[SIGNATURE] === SECRET_MARK);
}

/** Whether the value is Pulumi's mark of one that is not known yet. */
export function isUnknown(value: unknown): boolean {
  return UNKNOWN_MARKS.has(value);
}

/**
 * Two sides of a change as they may be shown. What is a secret on one side is one on the other: a value that becomes a secret was none of anybody's business before. Marks of unknown
 * values become words, and keys come in one order, so that equal parts are equal text.
 */
export function masked(before: unknown, after: unknown): [before: unknown, after: unknown] {
  if (isSecret(before) || isSecret(after)) {
    return [
      before === undefined ? undefined : SECRET_VALUE,
      after === undefined || isUnknown(after) ? after : SECRET_VALUE,
    ];
  }
  if (isList(before) || isList(after)) {
    const [old, now] = [isList(before) ? before : [], isList(after) ? after : []];
    // One that an item was put into or taken out of has its secrets at other places: none of them may be told by its place.
    const hides = old.length !== now.length && [...old, ...now].some(isSecret);
    const pairs = Array.from({ length: Math.max(old.length, now.length) }, (_, index) =>
      hides ? [hide(old[index]), hide(now[index])] : masked(old[index], now[index]),
    );
    return [
      isList(before) ? pairs.slice(0, old.length).map(([one]) => one) : masked(before, undefined)[0],
      isList(after) ? pairs.slice(0, now.length).map(([, one]) => one) : masked(undefined, after)[1],
    ];
  }
  if (isObject(before) || isObject(after)) {
    const [old, now] = [isObject(before) ? before : {}, isObject(after) ? after : {}];
    const sides: [Record<string, unknown>, Record<string, unknown>] = [{}, {}];
    for (const key of [...new Set([...Object.keys(old), ...Object.keys(now)])].sort()) {
      const pair = masked(old[key], now[key]);
      if (Object.hasOwn(old, key)) sides[0][key] = pair[0];
      if (Object.hasOwn(now, key)) sides[1][key] = pair[1];
    }
    return [isObject(before) ? sides[0] : before, isObject(after) ? sides[1] : after];
  }
  return [isUnknown(before) ? UNKNOWN_TEXT : before, isUnknown(after) ? UNKNOWN_TEXT : after];
}

/** The object or list that a text is the JSON of; anything else is answered as it is. */
export function unfoldJson(value: unknown): unknown {
  if (typeof value !== "string" || !/^\s*[[{]/.test(value)) return value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    // It only begins like JSON: it is text.
    return value;
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function hide(value: unknown): unknown {
  return value === undefined ? undefined : SECRET_VALUE;
}
