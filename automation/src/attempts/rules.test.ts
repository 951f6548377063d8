import { expect, test } from "vitest";
import { OPERATION_LISTS } from "../pipeline/operation-lists.ts";
import { decideTakeover } from "./rules.ts";

test("a deployment whose worker was lost runs again before its first changing step, and never from there on", () => {
  for (const [operation, steps] of Object.values(OPERATION_LISTS).flatMap((lists) => Object.entries(lists))) {
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

test("a step that only a later program knows counts as one that may have changed resources", () => {
  const startedSteps = ["prepare", "rename-everything"];
  expect(decideTakeover({ startedSteps, cancelRequested: false }).kind).toBe("interrupted");
});

test("a cancel that was asked for is honoured when nothing has changed, and does not hide that something may have", () => {
  expect(decideTakeover({ startedSteps: ["prepare"], cancelRequested: true }).kind).toBe("cancelled");
  expect(decideTakeover({ startedSteps: ["prepare", "update"], cancelRequested: true }).kind).toBe(
    "interrupted",
  );
});
