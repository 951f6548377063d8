import { setTimeout as pause } from "node:timers/promises";
import type { Clock } from "../clock.ts";
import type { GateResult } from "../contract/deployments.ts";
import type { Gate, Interval } from "../sources/slipway-yaml.ts";
import type { Measurement, Verdict } from "./rules.ts";
import { decideOnce, decideSeries } from "./rules.ts";

/** An http gate that says nothing of its interval: three in a row, a second apart. */
const DEFAULT_INTERVAL: Interval = { warmUpSeconds: 0, intervalSeconds: 1, measurements: 3, maxSeconds: 60 };
const RETRY_MS = 1_000;

/** A gate's result with the evidence for it. */
export interface MeasuredGate {
  result: GateResult;
  measurements: Measurement[];
}

/**
 * Measures a gate until its series decides. `measure` looks once and never throws. When the signal ends it early the verdict is `inconclusive`: never a pass.
 */
export async function runGate(
  gate: Gate,
  measure: () => Promise<{ verdict: Verdict; detail: string }>,
  clock: Clock,
  signal: AbortSignal,
): Promise<MeasuredGate> {
  const interval = gate.interval ?? (gate.http === undefined ? null : DEFAULT_INTERVAL);
  const measurements: Measurement[] = [];
  const startedAtMs = clock.monotonicMs();
  const elapsed = (): number => (clock.monotonicMs() - startedAtMs) / 1000;
  if (interval !== null) await rest(interval.warmUpSeconds * 1000, signal);
  while (!signal.aborted) {
    const { verdict, detail } = await measure();
    if (signal.aborted) break;
    measurements.push({ at: clock.now().toISOString(), verdict, detail });
    const decision =
      interval === null
        ? decideOnce(measurements)
        : decideSeries(measurements, interval, elapsed() - interval.warmUpSeconds);
    if (decision !== null) return ended(gate, measurements, decision.verdict, decision.detail, clock);
    await rest(interval === null ? RETRY_MS : interval.intervalSeconds * 1000, signal);
  }
  return ended(gate, measurements, "inconclusive", "ended before it was decided", clock);
}

function ended(
  gate: Gate,
  measurements: Measurement[],
  verdict: Verdict,
  detail: string,
  clock: Clock,
): MeasuredGate {
  const { name, phase, required } = gate;
  return {
    result: { name, phase, required, verdict, detail, measuredAt: clock.now().toISOString() },
    measurements,
  };
}

async function rest(milliseconds: number, signal: AbortSignal): Promise<void> {
  // The only rejection is the abort, which the caller's loop looks at.
  await pause(milliseconds, undefined, { signal }).catch(() => {});
}
