import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";

/** A line of a witness's ledger. `atMs` is the machine's monotonic time, the same for all its processes. */
const LedgerLine = z.object({
  kind: z.enum(["program", "started", "alive", "finished"]),
  /** `create`, `update`, `delete`; of a program: `preview` or `update`. */
  operation: z.string(),
  /** Of the resource; of a program: the folder that it runs in. */
  name: z.string(),
  text: z.string(),
  writer: z.string(),
  atMs: z.number(),
});
export type LedgerLine = z.infer<typeof LedgerLine>;

export function readLedger(file: string): LedgerLine[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .flatMap((line) => {
      if (line === "") return [];
      try {
        return [LedgerLine.parse(JSON.parse(line))];
      } catch {
        // The last line of a process that was killed while it wrote.
        return [];
      }
    });
}

/** Pairs of processes that were both at work on the stack at one moment: from a process's first line about resources until its last. */
export function overlapsIn(lines: readonly LedgerLine[]): string[] {
  const spans = new Map<string, { from: number; to: number }>();
  for (const { kind, writer, atMs } of lines) {
    if (kind === "program") continue;
    const span = spans.get(writer);
    if (span === undefined) spans.set(writer, { from: atMs, to: atMs });
    else span.to = Math.max(span.to, atMs);
  }
  const all = [...spans].sort(([, a], [, b]) => a.from - b.from);
  return all.flatMap(([writer, span], index) =>
    all
      .slice(index + 1)
      .filter(([, other]) => other.from <= span.to)
      .map(([other]) => `${writer} was still at work when ${other} began`),
  );
}

/** What the ledger says that exists: the text of each resource. */
export function effectsOf(lines: readonly LedgerLine[]): Map<string, string> {
  const live = new Map<string, string>();
  for (const { kind, operation, name, text } of lines) {
    if (kind !== "finished") continue;
    if (operation === "delete") live.delete(name);
    else live.set(name, text);
  }
  return live;
}

/** Resources on which something was begun and not finished, or is finished by no line of the same process. */
export function unfinishedIn(lines: readonly LedgerLine[]): string[] {
  const open = new Map<string, string>();
  for (const { kind, operation, name, writer } of lines) {
    const key = `${writer} ${operation} ${name}`;
    if (kind === "started") open.set(key, name);
    if (kind === "finished") open.delete(key);
  }
  return [...new Set(open.values())];
}

/** Operations that were begun more than once for one text: `create two (v1)`. A deployment of a trial has a text of its own. */
export function repeatedIn(lines: readonly LedgerLine[]): string[] {
  const seen = new Set<string>();
  const repeated = new Set<string>();
  for (const { kind, operation, name, text } of lines) {
    if (kind !== "started" || operation === "delete") continue;
    const key = `${operation} ${name} (${text})`;
    if (seen.has(key)) repeated.add(key);
    seen.add(key);
  }
  return [...repeated];
}
