import { check } from "./check.ts";
import { describe } from "./history.ts";
import { MUTANTS } from "./mutants.ts";
import type { Rules } from "./rules.ts";
import { PRODUCT } from "./rules.ts";
import type { Run } from "./run.ts";
import { runSeed } from "./run.ts";
import type { Violation } from "./violation.ts";

/*
 * One seed alone, with all that happened in it: node test/simulation/replay.ts <seed> [mutant]. Exits 1 when an invariant is broken.
 */

/** So much of a history is shown with a failure; the command above shows all of it. */
const SHOWN = 40;

/** What a person needs who is told that a seed fails: what is wrong, what happened just before, and how to see all of it again. */
export function explain(seed: number, run: Run, { invariant, detail, index }: Violation): string {
  const until = Math.min(index + 1, run.history.length);
  const from = Math.max(0, until - SHOWN);
  return [
    `Seed ${seed} breaks "${invariant}": ${detail}`,
    "",
    from === 0 ? "All that happened:" : `The last ${until - from} of ${until} things that happened:`,
    ...run.history.slice(from, until).map(describe),
    "",
    `Again, and whole: node test/simulation/replay.ts ${seed}`,
  ].join("\n");
}

if (import.meta.main) {
  const [given = "", mutant] = process.argv.slice(2);
  const seed = Number(given);
  if (!Number.isInteger(seed) || given === "") throw new Error("say which seed: a whole number");
  const run = runSeed(seed, rulesOf(mutant));
  const violation = check(run);
  const until = violation === null ? run.history.length : violation.index + 1;
  for (const entry of run.history.slice(0, until)) process.stdout.write(`${describe(entry)}\n`);
  process.stdout.write(
    violation === null
      ? `\nSeed ${seed} breaks nothing.\n`
      : `\nSeed ${seed} breaks "${violation.invariant}": ${violation.detail}\n`,
  );
  process.exitCode = violation === null ? 0 : 1;
}

function rulesOf(mutant: string | undefined): Rules {
  if (mutant === undefined) return PRODUCT;
  const found = MUTANTS.find(({ name }) => name === mutant);
  if (found === undefined)
    throw new Error(`no such mutant; there are:\n${MUTANTS.map(({ name }) => name).join("\n")}`);
  return found.rules;
}
