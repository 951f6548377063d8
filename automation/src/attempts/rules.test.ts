import { expect, test } from "vitest";
import { OPERATIONS } from "../pipeline/operations.ts";
import { decideTakeover } from "./rules.ts";

test("a deployment whose worker was lost runs again before its first changing step, and never from there on", () => {
  for (const [operation, steps] of Object.entries(OPERATIONS)) {
    for (let started = 0; started <= steps.length; started += 1) {
      const startedSteps = steps.slice(0, started);
      const mayHaveChanged = startedSteps.some((step) => ["update", "refresh", "destroy"].includes(step));
      const { kind } = decideTakeover({ startedSteps, cancelRequested: false });
      expect(kind, `${operation}: ${startedSteps.join(" ")}`).toBe(
        mayHaveChanged ? "interrupted" : "requeue",
      );
    }
  }
});

test("a cancel that was asked for is honoured when nothing has changed, and does not hide that something may have", () => {
  expect(decideTakeover({ startedSteps: ["prepare"], cancelRequested: true }).kind).toBe("cancelled");
  expect(decideTakeover({ startedSteps: ["prepare", "update"], cancelRequested: true }).kind).toBe(
    "interrupted",
  );
});
