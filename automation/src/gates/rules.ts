import type { GateVerdict, Measurement } from "../contract/gates.ts";
import { LEAST_MEASUREMENTS } from "../contract/gates.ts";
import type { Timing } from "./timing.ts";

/** What a gate has come to; `null`: measure on. */
export type GateDecision = { verdict: GateVerdict; detail: string } | null;

/** Enough of a series to judge by shares instead of by what comes in a row. */
const SHARE_FROM = 10;
const FAIL_SHARE = 0.3;
const ERROR_SHARE = 0.5;
const FAILS_IN_A_ROW = 3;
const ERRORS_IN_A_ROW = 5;
/** A gate that measures once may be unlucky with its own means, not with what it measures. */
const TRIES_OF_ONE = 3;
/** So many changes between pass and fail within a bake, and its end says too little. */
const FLAPPING_CHANGES = 4;
/** A flapping gate bakes once more, for this share of its bake. */
const EXTENSION = 0.5;
const FLAPPING_PASS_SHARE = 0.9;
const FLAPPING_FAIL_SHARE = 0.7;

/** All that the rules need to know of a series: adding a measurement and deciding cost the same however long it is. */
export interface Tally {
  readonly count: number;
  readonly counts: Readonly<Record<GateVerdict, number>>;
  /** What the series ends with, and how often in a row. */
  readonly last: GateVerdict | null;
  readonly inARow: number;
  /** The last measurement that passed or failed. */
  readonly lastDecided: "pass" | "fail" | null;
  /** Changes between pass and fail while the bake, not its extension, lasted. */
  readonly changes: number;
  /** What was seen last, of each verdict and at all. */
  readonly seen: Readonly<Partial<Record<GateVerdict, string>>>;
  readonly lastSeen: string | null;
}

export const NO_MEASUREMENTS: Tally = {
  count: 0,
  counts: { pass: 0, fail: 0, inconclusive: 0, error: 0 },
  last: null,
  inARow: 0,
  lastDecided: null,
  changes: 0,
  seen: {},
  lastSeen: null,
};

/** The tally with one more measurement. */
export function addMeasurement(
  tally: Tally,
  { verdict, detail, afterSeconds }: Pick<Measurement, "verdict" | "detail" | "afterSeconds">,
  timing: Timing,
): Tally {
  const isDecided = verdict === "pass" || verdict === "fail";
  const isChange = isDecided && tally.lastDecided !== null && tally.lastDecided !== verdict;
  const isWithinBake = timing.kind === "bake" && afterSeconds <= timing.bakeSeconds;
  return {
    count: tally.count + 1,
    counts: { ...tally.counts, [verdict]: tally.counts[verdict] + 1 },
    last: verdict,
    inARow: tally.last === verdict ? tally.inARow + 1 : 1,
    lastDecided: isDecided ? verdict : tally.lastDecided,
    changes: tally.changes + (isChange && isWithinBake ? 1 : 0),
    seen: { ...tally.seen, [verdict]: detail },
    lastSeen: detail,
  };
}

/** How long a gate is measured at most, in seconds after its warm-up: a flapping one half as long again. Infinite for one that measures once. */
export function endsAfterSeconds(tally: Tally, timing: Timing): number {
  switch (timing.kind) {
    case "once":
      return Number.POSITIVE_INFINITY;
    case "settle":
      return timing.maxSeconds;
    case "bake":
      return timing.bakeSeconds * (isFlapping(tally) ? 1 + EXTENSION : 1);
  }
}

/**
 * What a series says so far, by precedence fail, error, inconclusive, pass. `elapsedSeconds` counts from the end of the warm-up. A fail or an error ends it at any time; a pass needs
 * the end of a bake, three measurements, and that the last three passed. Whoever ends a series before this decides must not take it for a pass: see `endedEarly`.
 */
export function decide(tally: Tally, timing: Timing, elapsedSeconds: number): GateDecision {
  if (timing.kind === "once") return decideOnce(tally);
  const isOver = elapsedSeconds >= endsAfterSeconds(tally, timing);
  return (
    decideFail(tally, timing, isOver) ??
    decideError(tally, isOver) ??
    (timing.kind === "settle" ? decideSettled(tally, timing, isOver) : decideBaked(tally, timing, isOver))
  );
}

/** What a series is taken for that something else ended. Never a pass. */
export function endedEarly(tally: Tally, why: string): NonNullable<GateDecision> {
  const measured = tally.count === 0 ? "without a measurement" : `after ${times(tally.count)}`;
  return { verdict: "inconclusive", detail: `ended early, ${measured}: ${why}` };
}

/** The verdict of a whole series at once. */
export function decideSeries(
  series: readonly Pick<Measurement, "verdict" | "detail" | "afterSeconds">[],
  timing: Timing,
  elapsedSeconds: number,
): GateDecision {
  return decide(
    series.reduce((tally, one) => addMeasurement(tally, one, timing), NO_MEASUREMENTS),
    timing,
    elapsedSeconds,
  );
}

/** The first measurement that is not an error of the gate's own. */
function decideOnce({ count, last, lastSeen }: Tally): GateDecision {
  if (last === null || (last === "error" && count < TRIES_OF_ONE)) return null;
  return { verdict: last, detail: lastSeen ?? "" };
}

function decideFail(tally: Tally, timing: Exclude<Timing, { kind: "once" }>, isOver: boolean): GateDecision {
  const { count, counts, seen } = tally;
  const inARow = timing.kind === "settle" ? timing.measurements : FAILS_IN_A_ROW;
  const isFail =
    (tally.last === "fail" && tally.inARow >= inARow) ||
    (count >= SHARE_FROM && counts.fail / count > FAIL_SHARE);
  if (isFail)
    return { verdict: "fail", detail: `${counts.fail} of ${times(count)} failed; ${seen.fail ?? ""}` };
  // What gave no answer is no fail: only what passed and failed is weighed here.
  if (isOver && isFlapping(tally) && counts.pass / (counts.pass + counts.fail) < FLAPPING_FAIL_SHARE)
    return { verdict: "fail", detail: `${flapped(tally, timing)}; ${seen.fail ?? ""}` };
  return null;
}

/** A share of few measurements says something only when no more will come. */
function decideError(tally: Tally, isOver: boolean): GateDecision {
  const { count, counts } = tally;
  const isError =
    (tally.last === "error" && tally.inARow >= ERRORS_IN_A_ROW) ||
    ((isOver || count >= SHARE_FROM) && count > 0 && counts.error / count > ERROR_SHARE);
  if (!isError) return null;
  return {
    verdict: "error",
    detail: `could not be measured ${counts.error} times of ${count}; ${tally.seen.error ?? ""}`,
  };
}

function decideSettled(
  tally: Tally,
  timing: Extract<Timing, { kind: "settle" }>,
  isOver: boolean,
): GateDecision {
  const { measurements, maxSeconds } = timing;
  if (tally.last === "pass" && tally.inARow >= measurements) {
    return { verdict: "pass", detail: `${measurements} in a row passed; ${tally.lastSeen ?? ""}` };
  }
  if (!isOver) return null;
  return inconclusive(tally, `no ${measurements} alike in a row within ${maxSeconds} s`);
}

function decideBaked(tally: Tally, timing: Extract<Timing, { kind: "bake" }>, isOver: boolean): GateDecision {
  if (!isOver) return null;
  const { count, counts } = tally;
  const seconds = `${round(endsAfterSeconds(tally, timing))} s`;
  const endsWell = tally.last === "pass" && tally.inARow >= LEAST_MEASUREMENTS;
  if (isFlapping(tally)) {
    const isGood = endsWell && counts.pass / count >= FLAPPING_PASS_SHARE;
    return { verdict: isGood ? "pass" : "inconclusive", detail: flapped(tally, timing) };
  }
  if (!endsWell)
    return inconclusive(
      tally,
      `the last ${LEAST_MEASUREMENTS} did not all pass when its bake of ${seconds} was over`,
    );
  return {
    verdict: "pass",
    detail: `${counts.pass} of ${times(count)} passed within ${seconds}; ${tally.lastSeen ?? ""}`,
  };
}

function inconclusive(tally: Tally, why: string): NonNullable<GateDecision> {
  return {
    verdict: "inconclusive",
    detail:
      tally.lastSeen === null ? "no measurement was made in its time" : `${why}; last: ${tally.lastSeen}`,
  };
}

function flapped(tally: Tally, timing: Timing): string {
  const { changes, count, counts } = tally;
  const end = `${round(endsAfterSeconds(tally, timing))} s`;
  return `changed between pass and fail ${changes} times, so that its bake was extended to ${end}; ${counts.pass} of ${times(count)} passed`;
}

function isFlapping({ changes }: Tally): boolean {
  return changes >= FLAPPING_CHANGES;
}

function times(count: number): string {
  return count === 1 ? "1 measurement" : `${count} measurements`;
}

function round(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}
