import type { Gate, GateKind } from "../contract/gates.ts";
import {
  DEFAULT_BAKE_INTERVAL_SECONDS,
  DEFAULT_BAKE_SECONDS,
  DEFAULT_SETTLE_INTERVAL_SECONDS,
  DEFAULT_SETTLE_SECONDS,
  GATE_KINDS,
  LEAST_MEASUREMENTS,
} from "../contract/gates.ts";

/** Before the first look at something that bakes: what has just started is not yet what it will be. */
const BAKE_WARM_UP_SECONDS = 15;

/** When a gate is measured, and when it is over. */
export type Timing =
  | { kind: "once" }
  /** Ends as soon as `measurements` in a row agree; without a pass at `maxSeconds`. */
  | {
      kind: "settle";
      warmUpSeconds: number;
      intervalSeconds: number;
      measurements: number;
      maxSeconds: number;
    }
  /** Measured until the bake is over; passes only then. */
  | { kind: "bake"; warmUpSeconds: number; intervalSeconds: number; bakeSeconds: number };

/** What a gate looks at. */
export function kindOf(gate: Gate): GateKind {
  const kind = GATE_KINDS.find((one) => gate[one] !== undefined);
  if (kind === undefined) throw new Error(`the gate ${gate.name} looks at nothing`);
  return kind;
}

/** A gate's timing, with what it leaves unsaid. */
export function timingOf(gate: Gate): Timing {
  const kind = kindOf(gate);
  const given =
    gate.interval ??
    (kind === "metric" && gate.phase === "after" ? { bakeSeconds: DEFAULT_BAKE_SECONDS } : {});
  if (gate.interval === undefined && kind !== "http" && given.bakeSeconds === undefined)
    return { kind: "once" };
  if (given.bakeSeconds !== undefined) {
    return {
      kind: "bake",
      warmUpSeconds: given.warmUpSeconds ?? BAKE_WARM_UP_SECONDS,
      intervalSeconds: given.intervalSeconds ?? DEFAULT_BAKE_INTERVAL_SECONDS,
      bakeSeconds: given.bakeSeconds,
    };
  }
  return {
    kind: "settle",
    warmUpSeconds: given.warmUpSeconds ?? 0,
    intervalSeconds: given.intervalSeconds ?? DEFAULT_SETTLE_INTERVAL_SECONDS,
    measurements: Math.max(LEAST_MEASUREMENTS, given.measurements ?? LEAST_MEASUREMENTS),
    maxSeconds: given.maxSeconds ?? DEFAULT_SETTLE_SECONDS,
  };
}

/** The timing in words. */
export function describeTiming(timing: Timing): string {
  switch (timing.kind) {
    case "once":
      return "measured once; an error is tried twice more";
    case "settle":
      return `every ${timing.intervalSeconds} s until ${timing.measurements} in a row agree, for at most ${timing.maxSeconds} s${warmUp(timing)}`;
    case "bake":
      return `every ${timing.intervalSeconds} s for a bake of ${timing.bakeSeconds} s${warmUp(timing)}`;
  }
}

function warmUp({ warmUpSeconds }: { warmUpSeconds: number }): string {
  return warmUpSeconds === 0 ? "" : `, after a warm-up of ${warmUpSeconds} s`;
}
