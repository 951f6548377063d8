import type { PropertyChange } from "../contract/previews.ts";
import { type DiffLine, diffLines } from "./line-diff.ts";
import { isObject, isSecret, isUnknown, masked, unfoldJson } from "./shown-values.ts";

/** One side of a change, ready to be printed. */
export type ShownValue =
  | { readonly kind: "absent" | "secret" | "unknown" }
  | { readonly kind: "text"; readonly text: string };

/** A change as people read it: two short values, or lines where one side is an object, a list, JSON in a text, or a text of several lines. */
export type ShownChange = Pick<PropertyChange, "path" | "kind" | "replaces"> &
  (
    | { readonly form: "values"; readonly before: ShownValue; readonly after: ShownValue }
    | {
        readonly form: "lines";
        /** Its text is JSON inside of a string. */
        readonly isEmbedded: boolean;
        /** The value after is only known during the update: only what was before is shown. */
        readonly isUnknown: boolean;
        readonly lines: readonly DiffLine[];
      }
  );

const ABSENT: ShownValue = { kind: "absent" };
const SECRET: ShownValue = { kind: "secret" };
const UNKNOWN: ShownValue = { kind: "unknown" };

/** What to show of one change. Never answers a value of a secret, whichever side of the change says that it is one. */
export function shownChange(change: PropertyChange): ShownChange {
  const { path, kind, replaces } = change;
  const common = { path, kind, replaces };
  const isAdded = kind === "add";
  const isDeleted = kind === "delete";
  const unknown = !isDeleted && (!change.known || isUnknown(change.after));
  if (isSecret(change.before) || isSecret(change.after)) {
    const after = isDeleted ? ABSENT : unknown ? UNKNOWN : SECRET;
    return { ...common, form: "values", before: isAdded ? ABSENT : SECRET, after };
  }
  const unfolded = [unfoldJson(change.before), unfoldJson(change.after)];
  const [before, after] = masked(
    isAdded ? undefined : unfolded[0],
    isDeleted || unknown ? undefined : unfolded[1],
  );
  if (isLong(before) || isLong(after)) {
    return {
      ...common,
      form: "lines",
      isEmbedded: [change.before, change.after].some(
        (one) => typeof one === "string" && typeof unfoldJson(one) === "object",
      ),
      isUnknown: unknown,
      lines: diffLines(linesOf(before), linesOf(after)),
    };
  }
  return {
    ...common,
    form: "values",
    before: isAdded ? ABSENT : shownScalar(before),
    after: isDeleted ? ABSENT : unknown ? UNKNOWN : shownScalar(after),
  };
}

function isLong(value: unknown): boolean {
  return Array.isArray(value) || isObject(value) || (typeof value === "string" && value.includes("\n"));
}

function linesOf(value: unknown): string[] {
  if (value === undefined) return [];
  return (typeof value === "string" ? value : JSON.stringify(value, null, 2)).split("\n");
}

function shownScalar(value: unknown): ShownValue {
  if (isUnknown(value)) return UNKNOWN;
  // Quotes tell "1" from 1, and a trailing space from none.
  return { kind: "text", text: JSON.stringify(value) ?? "null" };
}
