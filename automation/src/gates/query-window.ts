import type { MetricCheck } from "../contract/gates.ts";

const SECONDS_OF: Readonly<Record<string, number>> = {
  ms: 0.001,
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
  y: 31_536_000,
};

/** The longest time that a query looks back by its own ranges and subqueries, in seconds; 0 without any. */
export function rangeSeconds(query: string): number {
  const code = query.replace(/"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`/g, '""').replace(/#.*$/gm, "");
  let range = 0;
  let subquery = 0;
  for (const [, duration = "", colon] of code.matchAll(/\[\s*((?:\d+(?:ms|[smhdwy]))+)\s*(:?)/g)) {
    const seconds = durationSeconds(duration);
    // A subquery looks at ranges of their own, from each of its moments.
    if (colon === ":") subquery = Math.max(subquery, seconds);
    else range = Math.max(range, seconds);
  }
  return range + subquery;
}

/** When a query can first be about nothing but what an update left, in milliseconds since 1970: a sample must have been taken, and its ranges must not reach back before it. */
export function metricNotBefore(check: MetricCheck, warmUpSeconds: number, updateEndedAtMs: number): number {
  return (
    updateEndedAtMs + (check.scrapeDelaySeconds + Math.max(warmUpSeconds, rangeSeconds(check.query))) * 1000
  );
}

/** What `{{ window }}` stands for: the whole seconds since the first sample after the update; at least one. */
export function windowSeconds(check: MetricCheck, updateEndedAtMs: number | null, nowMs: number): number {
  if (updateEndedAtMs === null) return Math.max(1, Math.round(check.scrapeDelaySeconds));
  return Math.max(1, Math.floor((nowMs - updateEndedAtMs) / 1000 - check.scrapeDelaySeconds));
}

function durationSeconds(text: string): number {
  let seconds = 0;
  for (const [, count, unit = "s"] of text.matchAll(/(\d+)(ms|[smhdwy])/g))
    seconds += Number(count) * (SECONDS_OF[unit] ?? 0);
  return seconds;
}
