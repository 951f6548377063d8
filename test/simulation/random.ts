/** Chance that is the same for the same seed. */
export interface Random {
  /** In [0, 1). */
  fraction(): number;
  /** From `least` to `most`, both included. */
  between(least: number, most: number): number;
  /** True so often. */
  chance(probability: number): boolean;
  pick<T>(from: readonly T[]): T;
  /** The same things in another order. */
  shuffled<T>(things: readonly T[]): T[];
}

/** Mulberry32: 32 bits of state are plenty for runs of some thousand choices. */
export function openRandom(seed: number): Random {
  // Neighbouring seeds must not begin alike.
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0;
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const between = (least: number, most: number): number =>
    least + Math.floor(fraction() * (most - least + 1));
  return {
    fraction,
    between,
    chance: (probability) => fraction() < probability,
    pick<T>(from: readonly T[]): T {
      if (from.length === 0) throw new Error("nothing to pick from");
      return from[between(0, from.length - 1)] as T;
    },
    shuffled<T>(things: readonly T[]): T[] {
      const left = [...things];
      for (let index = left.length - 1; index > 0; index -= 1) {
        const other = between(0, index);
        [left[index], left[other]] = [left[other] as T, left[index] as T];
      }
      return left;
    },
  };
}
