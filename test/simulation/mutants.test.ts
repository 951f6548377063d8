import { describe, expect, test } from "vitest";
import { check } from "./check.ts";
import { MUTANTS } from "./mutants.ts";
import { explain } from "./replay.ts";
import { runSeed } from "./run.ts";

/** As many as the product itself is run with. */
const SEEDS = 10_000;
const MS_PER_SEED = 60;

describe("the checker catches a product that", () => {
  test.for(MUTANTS)("$name", { timeout: SEEDS * MS_PER_SEED }, ({ rules, breaks }) => {
    for (let seed = 0; seed < SEEDS; seed += 1) {
      const run = runSeed(seed, rules);
      const violation = check(run);
      if (violation === null || !breaks.includes(violation.invariant)) continue;
      const text = explain(seed, run, violation);
      expect(text).toContain(`node test/simulation/replay.ts ${seed}`);
      expect(text).toContain(violation.invariant);
      return;
    }
    expect.fail(`${SEEDS} seeds, and nothing was seen of it`);
  });
});
