import { setTimeout as pause } from "node:timers/promises";
import type { Clock } from "../clock.ts";
import type { Gate, GateVerdict, Measurement } from "../contract/gates.ts";
import type { Look } from "./look.ts";
import type { Tally } from "./rules.ts";
import { addMeasurement, decide, endedEarly, endsAfterSeconds, NO_MEASUREMENTS } from "./rules.ts";
import type { Timing } from "./timing.ts";

const RETRY_MS = 1_000;
/** Of very many measurements these are kept: how it began, and how it ended. */
const KEPT_FIRST = 500;
const KEPT_LAST = 1_500;
const MAX_OUTPUT_CHARACTERS = 64 * 1024;
const CUT_MARK = "[the beginning is left out]\n";

/** What became of one gate, with the evidence for it. */
export interface MeasuredGate {
  verdict: GateVerdict;
  detail: string;
  /** ISO 8601. */
  measuredAt: string;
  measurements: Measurement[];
  /** How many were made; `measurements` holds the first and the last of very many. */
  measured: number;
  /** What the gate's commands printed last; null: it has none. */
  output: string | null;
}

/**
 * Measures a gate until its series decides. `look` looks once and never throws. When the signal ends it early the verdict is `inconclusive`: never a pass. `notBeforeMs`, since 1970: nothing
 * can be measured earlier, however short the warm-up.
 */
export async function runGate(
  gate: Pick<Gate, "name">,
  timing: Timing,
  look: () => Promise<Look>,
  clock: Clock,
  signal: AbortSignal,
  notBeforeMs = 0,
): Promise<MeasuredGate> {
  const warmUpMs = timing.kind === "once" ? 0 : timing.warmUpSeconds * 1000;
  await rest(Math.max(warmUpMs, notBeforeMs - clock.now().getTime()), signal);
  const startedAtMs = clock.monotonicMs();
  const elapsed = (): number => (clock.monotonicMs() - startedAtMs) / 1000;
  const kept = keepEnds();
  let tally: Tally = NO_MEASUREMENTS;
  let output: string | null = null;
  const ended = (decision: { verdict: GateVerdict; detail: string }): MeasuredGate => ({
    ...decision,
    measuredAt: clock.now().toISOString(),
    measurements: kept.all(),
    measured: tally.count,
    output,
  });
  while (!signal.aborted) {
    const afterSeconds = elapsed();
    const at = clock.now().toISOString();
    const { verdict, detail, value, output: printed, cannotStart } = await look();
    if (signal.aborted) break;
    const measurement = { at, afterSeconds: Math.round(afterSeconds * 1000) / 1000, verdict, detail, value };
    kept.add(measurement);
    tally = addMeasurement(tally, measurement, timing);
    if (printed !== undefined) output = tailOf(printed);
    // Waiting for a bake to end would not make it one that can be measured.
    if (cannotStart === true)
      return ended({ verdict: "error", detail: `the gate ${gate.name} cannot be measured: ${detail}` });
    const decision = decide(tally, timing, elapsed());
    if (decision !== null) return ended(decision);
    const nextAt =
      timing.kind === "once" ? elapsed() + RETRY_MS / 1000 : afterSeconds + timing.intervalSeconds;
    const endsAt = endsAfterSeconds(tally, timing);
    await rest((Math.min(nextAt, endsAt) - elapsed()) * 1000, signal);
    if (nextAt < endsAt || signal.aborted) continue;
    // The end is decided by what was seen within it; one that flaps has a later end.
    const last = decide(tally, timing, Math.max(elapsed(), endsAt));
    if (last !== null) return ended(last);
  }
  return ended(endedEarly(tally, `the gate ${gate.name} was stopped`));
}

function keepEnds(): { add(one: Measurement): void; all(): Measurement[] } {
  const first: Measurement[] = [];
  let last: Measurement[] = [];
  return {
    add(one) {
      if (first.length < KEPT_FIRST) first.push(one);
      else last.push(one);
      // Now and then, so that a day of measurements does not move them all each time.
      if (last.length > 2 * KEPT_LAST) last = last.slice(-KEPT_LAST);
    },
    all: () => [...first, ...last.slice(-KEPT_LAST)],
  };
}

function tailOf(text: string): string {
  return text.length <= MAX_OUTPUT_CHARACTERS ? text : CUT_MARK + text.slice(-MAX_OUTPUT_CHARACTERS);
}

async function rest(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (milliseconds <= 0) return;
  // The only rejection is the abort, which the caller's loop looks at.
  await pause(milliseconds, undefined, { signal }).catch(() => {});
}
