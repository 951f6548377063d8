import { POINTS } from "./points.ts";
import type { TrialPlan } from "./trial.ts";
import { VICTIMS } from "./victims.ts";

/** A small seeded generator (mulberry32): numbers from 0 to 1. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** All pairs in an order that the seed gives, again and again until there are enough. Throws when `only` names nothing. */
export function choosePlans(options: { trials: number; seed: number; only: readonly string[] }): TrialPlan[] {
  const random = seeded(options.seed);
  const ids: readonly string[] = POINTS.map(({ id }) => id);
  const points = options.only.filter((name) => ids.includes(name));
  const victims = options.only.filter((name) => VICTIMS.some((one) => one === name));
  const unknown = options.only.filter((name) => !points.includes(name) && !victims.includes(name));
  if (unknown.length > 0) {
    throw new Error(`There is no point or victim ${unknown.join(", ")}: ${[...ids, ...VICTIMS].join(", ")}.`);
  }
  const pairs = POINTS.flatMap((point) =>
    VICTIMS.filter(
      (victim) =>
        point.ends[victim] !== undefined &&
        (points.length === 0 || points.includes(point.id)) &&
        (victims.length === 0 || victims.includes(victim)),
    ).map((victim) => ({ point, victim })),
  );
  if (pairs.length === 0) throw new Error("That victim is not there at that point.");
  const plans: TrialPlan[] = [];
  while (plans.length < options.trials) {
    for (const pair of shuffled(pairs, random)) {
      if (plans.length === options.trials) break;
      plans.push({ number: plans.length + 1, ...pair, skipPreview: random() < 0.5 });
    }
  }
  return plans;
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const keyed = items.map((item) => ({ item, key: random() }));
  return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
}
