import { expect, test } from "vitest";
import { check } from "./check.ts";
import { explain } from "./replay.ts";
import { PRODUCT } from "./rules.ts";
import { runSeed } from "./run.ts";

/** In every ordinary run; SLIPWAY_SIMULATION_SEEDS=<n> for more, SLIPWAY_SIMULATION_FROM=<seed> for others. */
const SEEDS = Number(process.env.SLIPWAY_SIMULATION_SEEDS ?? 10_000);
const FROM = Number(process.env.SLIPWAY_SIMULATION_FROM ?? 0);
/** Of a busy machine; at rest 10,000 seeds take well under a minute. */
const MS_PER_SEED = 60;

test(`${SEEDS.toLocaleString("en")} seeds: no fault, in no order, breaks an invariant`, {
  timeout: 60_000 + SEEDS * MS_PER_SEED,
}, () => {
  const seen = new Map<string, number>();
  for (let seed = FROM; seed < FROM + SEEDS; seed += 1) {
    const run = runSeed(seed, PRODUCT);
    const violation = check(run);
    if (violation !== null) expect.fail(explain(seed, run, violation));
    for (const { kind } of run.history) seen.set(kind, (seen.get(kind) ?? 0) + 1);
    for (const { status } of run.store.tables.deployments.values())
      seen.set(status, (seen.get(status) ?? 0) + 1);
  }
  // A simulation in which little happens would prove little.
  const expected = [
    "effect",
    "fault",
    "received",
    "previewed",
    "succeeded",
    "failed",
    "cancelled",
    "rejected",
    "expired",
  ];
  for (const what of [...expected, "stale", "interrupted", "rolled_back"]) {
    expect(seen.get(what) ?? 0, `seen: ${what}`).toBeGreaterThan(SEEDS / 1_000);
  }
});

test("a seed is the same run each time", () => {
  for (const seed of [1, 77, 4711]) {
    expect(runSeed(seed, PRODUCT).history).toEqual(runSeed(seed, PRODUCT).history);
  }
});
