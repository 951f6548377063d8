import type { Algorithm, Template } from "./store.ts";

/** The templates that every desk has, one an algorithm. Bounds are the rules that a strategy's parameters are held to. */
export const BUILT_IN_TEMPLATES: readonly Template[] = [
  {
    id: "sma-cross",
    name: "Moving-average cross",
    description: "Holds the instrument while its fast average is above its slow one.",
    algorithm: "sma-cross",
    parameters: [
      { name: "fastDays", label: "Fast average (days)", kind: "integer", default: 10, min: 2, max: 100 },
      { name: "slowDays", label: "Slow average (days)", kind: "integer", default: 40, min: 5, max: 250 },
    ],
  },
  {
    id: "rsi-reversion",
    name: "RSI mean reversion",
    description: "Buys when the relative strength index is low and sells when it is high again.",
    algorithm: "rsi-reversion",
    parameters: [
      { name: "periodDays", label: "RSI period (days)", kind: "integer", default: 14, min: 2, max: 60 },
      { name: "buyBelow", label: "Buy below", kind: "number", default: 35, min: 5, max: 60 },
      { name: "sellAbove", label: "Sell above", kind: "number", default: 60, min: 40, max: 95 },
    ],
  },
  {
    id: "momentum",
    name: "Momentum",
    description: "Holds the instrument while its return over the look-back exceeds a threshold.",
    algorithm: "momentum",
    parameters: [
      { name: "lookbackDays", label: "Look-back (days)", kind: "integer", default: 60, min: 5, max: 250 },
      { name: "thresholdPercent", label: "Threshold (%)", kind: "number", default: 2, min: -20, max: 50 },
    ],
  },
  {
    id: "buy-and-hold",
    name: "Buy and hold",
    description: "Buys on the first day and never sells: the yardstick for the others.",
    algorithm: "buy-and-hold",
    parameters: [],
  },
];

/** The template that comes with the service for an algorithm. */
export function builtInTemplate(algorithm: Algorithm): Template {
  const template = BUILT_IN_TEMPLATES.find((one) => one.algorithm === algorithm);
  if (template === undefined) throw new Error(`No template comes with the algorithm ${algorithm}.`);
  return template;
}
