import type { DiffLine } from "../client/line-diff.ts";
import type { ShownChange, ShownValue } from "../client/property-diff.ts";
import { shownChange } from "../client/property-diff.ts";
import type { PropertyChange } from "../contract/previews.ts";
import { clean, type painter } from "./output.ts";

const SIGNS = { add: "+", delete: "-", update: "~" } as const;
const COLOURS = { add: "green", delete: "red", update: "yellow" } as const;
/** A value longer than this is cut; --json has it whole. */
const MOST_CHARACTERS = 200;
const MOST_LINES = 60;

/** What a property changes from and to, for a terminal. Shows no value of a secret. */
export function diffLines(change: PropertyChange, paint: ReturnType<typeof painter>): string[] {
  const shown = shownChange(change);
  const sign = paint(COLOURS[shown.kind], SIGNS[shown.kind]);
  const why = shown.replaces ? paint("red", " (forces the replacement)") : "";
  if (shown.form === "values") return [`${sign} ${clean(shown.path)}: ${sidesOf(shown)}${why}`];
  const head = `${sign} ${clean(shown.path)}:${shown.isEmbedded ? " (JSON in a text)" : ""}${why}`;
  const lines = shown.lines.slice(0, MOST_LINES).map((line) => lineOf(line, paint));
  const more = shown.lines.length - MOST_LINES;
  return [
    head,
    ...lines,
    ...(more > 0 ? [`    … ${more} more lines`] : []),
    ...(shown.isUnknown ? ["    What it will be is known during the update."] : []),
  ];
}

function lineOf(line: DiffLine, paint: ReturnType<typeof painter>): string {
  if (line.mark === "skipped") return paint("dim", `    … ${line.count} equal lines`);
  if (line.mark === "same") return `    ${cut(line.text)}`;
  return line.mark === "added"
    ? paint("green", `  + ${cut(line.text)}`)
    : paint("red", `  - ${cut(line.text)}`);
}

function sidesOf({ kind, before, after }: Extract<ShownChange, { form: "values" }>): string {
  if (kind === "add") return textOf(after);
  if (kind === "delete") return textOf(before);
  return `${textOf(before)} → ${textOf(after)}`;
}

function textOf(value: ShownValue): string {
  switch (value.kind) {
    case "absent":
      return "nothing";
    case "secret":
      return "[secret]";
    case "unknown":
      return "[known during the update]";
    case "text":
      return cut(value.text);
  }
}

function cut(text: string): string {
  const safe = clean(text);
  return safe.length <= MOST_CHARACTERS
    ? safe
    : `${safe.slice(0, MOST_CHARACTERS)}… [${safe.length - MOST_CHARACTERS} more characters]`;
}
