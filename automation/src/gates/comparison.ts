import type { GateThreshold, MetricCheck } from "../contract/gates.ts";

/** A comparison as a threshold. The text has passed the schema. */
function parseComparison(text: string, means: GateThreshold["means"]): GateThreshold {
  const [, operator, value] = /^\s*([<>=!]=?)\s*(\S+)\s*$/.exec(text) ?? [];
  return { means, operator: operator as GateThreshold["operator"], value: Number(value) };
}

/** Whether a value stands to a threshold as it says. */
export function holds({ operator, value: limit }: GateThreshold, value: number): boolean {
  switch (operator) {
    case "<":
      return value < limit;
    case "<=":
      return value <= limit;
    case ">":
      return value > limit;
    case ">=":
      return value >= limit;
    case "==":
      return value === limit;
    case "!=":
      return value !== limit;
  }
}

/** The lines that a metric's values are held against. */
export function thresholdsOf({ successIf, failIf }: MetricCheck): GateThreshold[] {
  return [
    ...(failIf === undefined ? [] : [parseComparison(failIf, "fail")]),
    ...(successIf === undefined ? [] : [parseComparison(successIf, "pass")]),
  ];
}

/** What thresholds say of a value: a fail goes before a pass; with both and neither of them met there is no answer. */
export function judge(value: number, thresholds: readonly GateThreshold[]): "pass" | "fail" | "inconclusive" {
  const of = (means: GateThreshold["means"]) => thresholds.filter((one) => one.means === means);
  if (of("fail").some((one) => holds(one, value))) return "fail";
  if (of("pass").length === 0) return "pass";
  if (of("pass").every((one) => holds(one, value))) return "pass";
  return of("fail").length === 0 ? "fail" : "inconclusive";
}

/** In words: `fails if > 0.1, passes if < 0.05`. */
export function describeThresholds(thresholds: readonly GateThreshold[]): string {
  return thresholds
    .map(({ means, operator, value }) => `${means === "fail" ? "fails" : "passes"} if ${operator} ${value}`)
    .join(", ");
}
