import type { GateResult } from "../contract/deployments.ts";
import type { Interval } from "../sources/slipway-yaml.ts";

export type Verdict = GateResult["verdict"];

/** One look at what a gate watches. `at` is ISO 8601. */
export interface Measurement {
  at: string;
  verdict: Verdict;
  /** What was seen, in one sentence. */
  detail: string;
}

/** What a gate has come to so far; `null`: measure on. */
export type GateDecision = { verdict: Verdict; detail: string } | null;

/** Enough of a series to judge by shares instead of by what comes in a row. */
const SHARE_FROM = 10;
const FAIL_SHARE = 0.3;
const ERROR_SHARE = 0.5;
const ERRORS_IN_A_ROW = 5;
/** A gate that measures once may be unlucky with its own means, not with what it measures. */
const TRIES_OF_ONE = 3;

/**
 * What a series of measurements says, by precedence fail, error, inconclusive, pass. A pass needs the last `interval.measurements` in a row; a series that has run out of time
 * never passes.
 */
export function decideSeries(
  series: readonly Measurement[],
  interval: Pick<Interval, "measurements" | "maxSeconds">,
  elapsedSeconds: number,
): GateDecision {
  const needed = interval.measurements;
  const last = series.at(-1);
  if (inARow(series, "fail") >= needed || share(series, "fail") > FAIL_SHARE) {
    return {
      verdict: "fail",
      detail: `${count(series, "fail")} of ${series.length} measurements failed; ${seen(series, "fail")}`,
    };
  }
  if (inARow(series, "error") >= ERRORS_IN_A_ROW || share(series, "error") > ERROR_SHARE) {
    return {
      verdict: "error",
      detail: `could not be measured ${count(series, "error")} times; ${seen(series, "error")}`,
    };
  }
  if (inARow(series, "pass") >= needed) {
    return { verdict: "pass", detail: `${needed} in a row passed; ${last?.detail ?? ""}` };
  }
  if (elapsedSeconds < interval.maxSeconds) return null;
  return {
    verdict: "inconclusive",
    detail:
      last === undefined
        ? `no measurement within ${interval.maxSeconds} s`
        : `no ${needed} alike in a row within ${interval.maxSeconds} s; last: ${last.detail}`,
  };
}

/** What a gate says that measures once: its first measurement that is not an error of the gate's own. */
export function decideOnce(series: readonly Measurement[]): GateDecision {
  const last = series.at(-1);
  if (last === undefined) return null;
  if (last.verdict === "error" && series.length < TRIES_OF_ONE) return null;
  return { verdict: last.verdict, detail: last.detail };
}

function inARow(series: readonly Measurement[], verdict: Verdict): number {
  let length = 0;
  while (length < series.length && series[series.length - 1 - length]?.verdict === verdict) length += 1;
  return length;
}

function count(series: readonly Measurement[], verdict: Verdict): number {
  return series.filter((one) => one.verdict === verdict).length;
}

function share(series: readonly Measurement[], verdict: Verdict): number {
  return series.length < SHARE_FROM ? 0 : count(series, verdict) / series.length;
}

function seen(series: readonly Measurement[], verdict: Verdict): string {
  return series.findLast((one) => one.verdict === verdict)?.detail ?? "";
}
