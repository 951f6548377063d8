import { expect, test } from "vitest";
import type { Budget } from "../contract/figures.ts";
import { checkBudgets, excessesOf } from "./rules.ts";

const budget = (step: Budget["step"], mostSeconds: number, more: Partial<Budget> = {}): Budget => ({
  step,
  service: null,
  mostSeconds,
  fails: false,
  ...more,
});
const pathsOf = (budgets: Budget[]): unknown => {
  try {
    checkBudgets(budgets);
    return [];
  } catch (error) {
    const { issues } = (error as { details: { issues: { path: string }[] } }).details;
    return issues.map(({ path }) => path);
  }
};

test("a budget only fails a step that has not changed anything yet, and is there once", () => {
  expect(pathsOf([budget("build", 60, { fails: true }), budget("build", 30, { service: "api" })])).toEqual(
    [],
  );
  expect(pathsOf([budget("update", 60)])).toEqual([]);
  expect(pathsOf([budget("update", 60, { fails: true })])).toEqual(["body.budgets.0.fails"]);
  expect(pathsOf([budget("gates-after", 60, { fails: true })])).toEqual(["body.budgets.0.fails"]);
  expect(pathsOf([budget("update", 60, { service: "api" })])).toEqual(["body.budgets.0.service"]);
  expect(pathsOf([budget("test", 60), budget("test", 90)])).toEqual(["body.budgets.1"]);
});

test("what took longer than its budget is told, what fails the step first; what failed by itself is not", () => {
  const runs = [
    { step: "build", service: null, succeeded: true, durationMs: 10_001 },
    { step: "build", service: "api", succeeded: true, durationMs: 5_000 },
    { step: "build", service: "desk", succeeded: true, durationMs: 5_001 },
    { step: "build", service: "jobs", succeeded: false, durationMs: 99_000 },
  ] as const;
  const budgets = [
    budget("build", 10),
    budget("build", 5, { service: "api" }),
    budget("build", 5, { service: "desk", fails: true }),
    budget("build", 5, { service: "jobs" }),
    budget("test", 1),
  ];
  expect(excessesOf(runs, budgets).map(({ detail }) => detail)).toEqual([
    "build of desk took 5.0 s; its budget is 5 s",
    "build took 10.0 s; its budget is 10 s",
  ]);
});
