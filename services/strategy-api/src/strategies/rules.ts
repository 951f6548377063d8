import type { FieldIssue } from "../errors.ts";
import type { Template, TemplateParameter } from "../templates/store.ts";

export type Parameters = Readonly<Record<string, number>>;
export type ParameterDecision =
  | { readonly accepted: true; readonly parameters: Parameters }
  | { readonly accepted: false; readonly issues: readonly FieldIssue[] };

/** Pairs that must be in rising order, by algorithm. Equal averages never cross; equal bounds trade on each day. */
const ORDERED_PAIRS: Readonly<Record<Template["algorithm"], readonly (readonly [string, string])[]>> = {
  "sma-cross": [["fastDays", "slowDays"]],
  "rsi-reversion": [["buyBelow", "sellAbove"]],
  momentum: [],
  "buy-and-hold": [],
};

/** Fills in the template's defaults and holds the result to its bounds. Unknown names are refused, not dropped. `path`: where the request has them. */
export function resolveParameters(
  template: Pick<Template, "algorithm" | "parameters">,
  given: Parameters,
  path = "body.parameters",
): ParameterDecision {
  const issues: FieldIssue[] = [];
  const known = new Set(template.parameters.map((parameter) => parameter.name));
  for (const name of Object.keys(given)) {
    if (!known.has(name))
      issues.push({ path: `${path}.${name}`, message: "is not a parameter of the template" });
  }
  const parameters: Record<string, number> = {};
  for (const parameter of template.parameters) {
    const value = given[parameter.name] ?? parameter.default;
    parameters[parameter.name] = value;
    const message = complaintAbout(parameter, value);
    if (message !== undefined) issues.push({ path: `${path}.${parameter.name}`, message });
  }
  for (const [lower, upper] of ORDERED_PAIRS[template.algorithm]) {
    const [low, high] = [parameters[lower], parameters[upper]];
    if (low !== undefined && high !== undefined && low >= high) {
      issues.push({ path: `${path}.${lower}`, message: `must be below ${upper}` });
    }
  }
  return issues.length === 0 ? { accepted: true, parameters } : { accepted: false, issues };
}

function complaintAbout(parameter: TemplateParameter, value: number): string | undefined {
  if (parameter.kind === "integer" && !Number.isInteger(value)) return "must be a whole number";
  if (value < parameter.min || value > parameter.max) {
    return `must be between ${parameter.min} and ${parameter.max}`;
  }
  return undefined;
}
