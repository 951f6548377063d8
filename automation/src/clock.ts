/** The only source of time. Tests pass their own. */
export interface Clock {
  /** Wall-clock time. Never compare it with a deadline: it can jump. */
  now(): Date;
  /** Milliseconds of a clock that never goes back. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
};
