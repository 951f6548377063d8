import type { TrialResult } from "./trial.ts";
import { VICTIMS } from "./victims.ts";

const seconds = (ms: number | null): string => (ms === null ? "-" : `${(ms / 1000).toFixed(1)} s`);

/** One trial in one line, with a line more for each violation. */
export function lineOf(result: TrialResult): string {
  const { number, point, victim, status, verdictMs, violations, invalid } = result;
  const verdict = invalid === null ? (violations.length === 0 ? "holds" : "VIOLATED") : `INVALID: ${invalid}`;
  const first = `${String(number).padStart(4)}  ${point.padEnd(4)} ${victim.padEnd(14)} ${(status ?? "-").padEnd(12)} ${seconds(verdictMs).padStart(7)}  ${verdict}`;
  return [first, ...violations.map(({ rule, detail }) => `      ${rule}: ${detail}`)].join("\n");
}

/** Points by victims: how many trials held of how many. */
export function tableOf(results: readonly TrialResult[]): string[] {
  const points = [...new Set(results.map(({ point }) => point))].sort(
    (a, b) => Number(a.slice(1)) - Number(b.slice(1)),
  );
  const victims = VICTIMS.filter((victim) => results.some((one) => one.victim === victim));
  const cell = (point: string, victim: string): string => {
    const of = results.filter((one) => one.point === point && one.victim === victim);
    const held = of.filter((one) => one.violations.length === 0 && one.invalid === null);
    return of.length === 0 ? "" : `${held.length}/${of.length}`;
  };
  const slowest = (point: string): string => {
    const times = results.filter((one) => one.point === point).map(({ verdictMs }) => verdictMs ?? 0);
    return seconds(Math.max(0, ...times));
  };
  const row = (name: string, cells: readonly string[], end: string): string =>
    [
      name.padEnd(6),
      ...cells.map((text, index) => text.padStart((victims[index] ?? "").length + 2)),
      end.padStart(10),
    ].join("");
  return [
    "",
    row("", victims, "slowest"),
    ...points.map((point) =>
      row(
        point,
        victims.map((victim) => cell(point, victim)),
        slowest(point),
      ),
    ),
  ];
}

/** The closing line. Without a violation in n trials the rate is below 3/n, with 95 % confidence. */
export function boundOf(violations: number, trials: number, invalid = 0): string {
  const bound = trials === 0 ? 1 : Math.min(1, 3 / trials);
  const more = invalid === 0 ? "" : `; ${invalid} trials said nothing`;
  return `faults: ${violations} violations in ${trials} trials (<= ${(bound * 100).toFixed(2)} % by the rule of three)${more}`;
}
