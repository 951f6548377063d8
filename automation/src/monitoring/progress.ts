/** Something that goes on in this process for as long as it lives. */
export interface LoopProgress {
  name: string;
  /** Since its last pass that went through, or since it began. */
  ageMs: number;
  /** False: it should have come through long ago. */
  isMoving: boolean;
}

/**
 * When each loop of a process last came through. A process whose port answers while a loop of it hangs looks well and does nothing; readiness is asked from here
 * instead. `now` is in milliseconds of a clock that never goes back.
 */
export class Progress {
  readonly #loops = new Map<string, { at: number; limitMs: number }>();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Begins to watch a loop; the function that it answers is called after each pass. `limitMs`: how long a pass may take, with the pause before it. */
  watch(name: string, limitMs: number): () => void {
    const loop = { at: this.#now(), limitMs };
    this.#loops.set(name, loop);
    return () => {
      loop.at = this.#now();
    };
  }

  /** Every loop that is watched. */
  all(): LoopProgress[] {
    return [...this.#loops].map(([name, { at, limitMs }]) => {
      const ageMs = this.#now() - at;
      return { name, ageMs, isMoving: ageMs <= limitMs };
    });
  }
}
