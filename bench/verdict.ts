import type { GateVerdict, Measurement } from "../automation/src/contract/gates.ts";
import type { Tally } from "../automation/src/gates/rules.ts";
import { addMeasurement, decide, decideSeries, NO_MEASUREMENTS } from "../automation/src/gates/rules.ts";
import type { Timing } from "../automation/src/gates/timing.ts";
import type { Figure } from "./figure.ts";
import { median, percentile, printTable } from "./figure.ts";
import type { BenchOptions } from "./options.ts";

const MEASUREMENTS = 10_000;
const LIMIT_MS = 50;
const BAKE: Timing = { kind: "bake", warmUpSeconds: 0, intervalSeconds: 1, bakeSeconds: MEASUREMENTS };

/** Series that are decided by nothing but their end, so that every measurement is looked at. */
const SERIES: Readonly<Record<string, (index: number) => GateVerdict>> = {
  "all passed": () => "pass",
  "one of five failed": (index) => (index % 5 === 2 ? "fail" : "pass"),
  "passed, failed, no data": (index) =>
    index % 7 === 3 ? "fail" : index % 3 === 0 ? "inconclusive" : "pass",
};

/** The verdict over 10,000 measurements: of all at once, and asked after each one as a gate does while it bakes. */
export function measureVerdict({ quick }: BenchOptions): Promise<Figure[]> {
  const rounds = quick ? 5 : 30;
  const rows: string[][] = [];
  let worst = 0;
  for (const [name, verdictAt] of Object.entries(SERIES)) {
    const series = Array.from(
      { length: MEASUREMENTS },
      (_, index): Measurement => ({
        at: "2026-01-01T00:00:00.000Z",
        afterSeconds: index,
        verdict: verdictAt(index),
        detail: `measurement ${index}`,
        value: index,
      }),
    );
    const once = time(rounds, () => void decideSeries(series, BAKE, MEASUREMENTS * 2));
    const each = time(rounds, () => {
      let tally: Tally = NO_MEASUREMENTS;
      for (const one of series) {
        tally = addMeasurement(tally, one, BAKE);
        decide(tally, BAKE, one.afterSeconds);
      }
    });
    for (const [how, times] of [
      ["all at once", once],
      ["after each", each],
    ] as const) {
      rows.push([name, how, `${median(times).toFixed(2)} ms`, `${percentile(times, 0.95).toFixed(2)} ms`]);
      worst = Math.max(worst, median(times));
    }
  }
  printTable(["series of 10,000", "decided", "median", "p95"], rows);
  const text = `${worst.toFixed(1)} ms`;
  return Promise.resolve([
    {
      name: "verdict of 10,000 measurements, slowest median",
      value: worst,
      limit: LIMIT_MS,
      text,
      limitText: `${LIMIT_MS} ms`,
    },
  ]);
}

function time(rounds: number, work: () => void): number[] {
  return Array.from({ length: rounds }, () => {
    const startedAt = performance.now();
    work();
    return performance.now() - startedAt;
  });
}
