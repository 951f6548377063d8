import type { GateResult } from "../contract/deployments.ts";
import type { Measurement } from "../contract/gates.ts";
import { scaleOf } from "./measure.ts";
import type { SourcedGate } from "./merge.ts";
import type { MeasuredGate } from "./run-gate.ts";
import type { RecordedGate } from "./store.ts";
import { describeTiming, kindOf, timingOf } from "./timing.ts";

/** What is recorded of a measured gate. `clean` takes secrets out of what was seen and printed. */
export function recordOf(
  { gate, source }: SourcedGate,
  measured: MeasuredGate,
  baseline: Measurement | null,
  clean: (text: string) => string,
): RecordedGate {
  const unhealthyBefore = baseline?.verdict === "fail";
  const detail = clean(measured.detail);
  const result: GateResult = {
    name: gate.name,
    phase: gate.phase,
    // What only looks never decides.
    required: gate.required && !gate.dryRun,
    verdict: measured.verdict,
    detail:
      unhealthyBefore && measured.verdict === "fail" ? `${detail}; it failed before the update too` : detail,
    measuredAt: measured.measuredAt,
    ...(gate.dryRun ? { dryRun: true } : {}),
    ...(unhealthyBefore ? { unhealthyBefore: true } : {}),
  };
  return {
    result,
    evidence: {
      kind: kindOf(gate),
      source,
      baseline,
      ...scaleOf(gate),
      timing: describeTiming(timingOf(gate)),
      measured: measured.measured,
    },
    measurements: measured.measurements.map((one) => ({ ...one, detail: clean(one.detail) })),
    output: measured.output === null ? null : clean(measured.output),
  };
}
