import { stripVTControlCharacters, styleText } from "node:util";
import { saysTheSame } from "../client/remedies.ts";
import type { CliContext, Output } from "./context.ts";
import type { Failure } from "./failure.ts";

type Style = Parameters<typeof styleText>[0];

/** Colours text for a terminal; leaves it alone in a pipe and where NO_COLOR is set. */
export function painter(context: CliContext, output: Output = context.stdout) {
  const isColoured = output.isTTY === true && !context.env.NO_COLOR && context.env.TERM !== "dumb";
  return (style: Style, text: string): string =>
    isColoured ? styleText(style, text, { validateStream: false }) : text;
}

/** Text from a program or a server without what would move a terminal's cursor or change its title. */
export function clean(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: removing them is the purpose
  return stripVTControlCharacters(text).replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "");
}

export function printLine(context: CliContext, line = ""): void {
  context.stdout.write(`${line}\n`);
}

/** Prints one JSON document. */
export function printJson(context: CliContext, value: unknown): void {
  context.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** One JSON document on one line, for streams. */
export function printJsonLine(context: CliContext, value: unknown): void {
  context.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Prints rows in aligned columns under a heading; says `empty` when there is none. */
export function printTable(
  context: CliContext,
  heading: readonly string[],
  rows: readonly (readonly string[])[],
  empty: string,
): void {
  if (rows.length === 0) {
    printLine(context, empty);
    return;
  }
  const paint = painter(context);
  const all = [heading, ...rows.map((row) => row.map(clean))];
  const widths = heading.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  for (const [index, row] of all.entries()) {
    const line = row.map((cell, column) =>
      column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0),
    );
    printLine(context, index === 0 ? paint("dim", line.join("  ")) : line.join("  "));
  }
}

/** Prints a list: as JSON, or as a table in which ages are told as of `now` (milliseconds since 1970). */
export function printList<Item>(
  context: CliContext,
  { json }: { readonly json?: boolean },
  found: readonly Item[],
  table: {
    heading: readonly string[];
    row: (one: Item, now: number) => readonly string[];
    /** Said when there is nothing. */
    empty: string;
  },
): void {
  if (json === true) {
    printJson(context, found);
    return;
  }
  const now = Date.now();
  printTable(
    context,
    table.heading,
    found.map((one) => table.row(one, now)),
    table.empty,
  );
}

/** Prints a failure on stderr: one sentence, the fields concerned, the remedy; with `json` one JSON document instead. */
export function printFailure(context: CliContext, failure: Failure, json: boolean): void {
  if (json) {
    context.stderr.write(`${JSON.stringify({ error: failure }, null, 2)}\n`);
    return;
  }
  const paint = painter(context, context.stderr);
  context.stderr.write(`${paint(["red", "bold"], "error:")} ${clean(failure.message)}\n`);
  for (const issue of failure.issues.filter((one) => !saysTheSame(failure.message, one)))
    context.stderr.write(
      `  ${clean(issue.path === "" ? issue.message : `${issue.path}: ${issue.message}`)}\n`,
    );
  if (failure.remedy !== null) context.stderr.write(`${paint("dim", "→")} ${clean(failure.remedy)}\n`);
}
