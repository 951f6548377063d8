import { describe, expect, it } from "vitest";
import { resolveParameters } from "./rules.ts";

const TEMPLATE = {
  algorithm: "sma-cross",
  parameters: [
    { name: "fastDays", label: "Fast", kind: "integer", default: 10, min: 2, max: 100 },
    { name: "slowDays", label: "Slow", kind: "integer", default: 40, min: 5, max: 250 },
  ],
} as const;
const template = { algorithm: TEMPLATE.algorithm, parameters: [...TEMPLATE.parameters] };

describe("parameters", () => {
  it("take the template's defaults where nothing is given", () => {
    expect(resolveParameters(template, { slowDays: 90 })).toEqual({
      accepted: true,
      parameters: { fastDays: 10, slowDays: 90 },
    });
  });

  it.each([
    ["below the least", { fastDays: 1 }, "body.parameters.fastDays"],
    ["above the most", { slowDays: 251 }, "body.parameters.slowDays"],
    ["a fraction where whole days are meant", { fastDays: 2.5 }, "body.parameters.fastDays"],
    ["an unknown name", { fast: 5 }, "body.parameters.fast"],
    ["equal averages, which never cross", { fastDays: 40 }, "body.parameters.fastDays"],
  ])("are refused: %s", (_, given, path) => {
    const decision = resolveParameters(template, given);
    expect(decision.accepted).toBe(false);
    if (!decision.accepted) expect(decision.issues.map((issue) => issue.path)).toEqual([path]);
  });
});
