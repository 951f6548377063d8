import { expect, test } from "vitest";
import { OPERATION_LISTS } from "../pipeline/operation-lists.ts";
import { decideTakeover, MAX_CRASHES } from "./rules.ts";

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

test("an update that the state backend knows to be complete is gone on with, and never run again or told as interrupted", () => {
  for (const startedSteps of [["prepare", "update"], ["prepare", "update", "gates-after"], ["refresh"]]) {
    for (const cancelRequested of [false, true]) {
      expect(decideTakeover({ startedSteps, cancelRequested, isComplete: true }).kind).toBe("resume");
    }
  }
});

test("a step that no update of the engine has followed is repeated; a step of another kind, or an update that has started, is not", () => {
  for (const step of ["update", "refresh", "destroy"]) {
    const lost = { startedSteps: ["prepare", "preview", step], cancelRequested: false };
    expect(decideTakeover({ ...lost, hasBegun: false }).kind).toBe("requeue");
    expect(decideTakeover({ ...lost, hasBegun: true }).kind).toBe("interrupted");
    expect(decideTakeover({ ...lost, hasBegun: false, cancelRequested: true }).kind).toBe("cancelled");
    expect(decideTakeover({ ...lost, hasBegun: false, crashes: MAX_CRASHES }).kind).toBe("poison");
  }
  for (const step of ["gates-after", "release", "rename-everything"]) {
    const lost = { startedSteps: ["update", step], cancelRequested: false, hasBegun: false };
    expect(decideTakeover(lost).kind, step).toBe("interrupted");
  }
});

test("the third attempt that ends with its runner is the last, unless something may have changed: that is for a person to decide", () => {
  const lost = { startedSteps: ["prepare", "preview"], cancelRequested: false };
  expect(decideTakeover({ ...lost, crashes: MAX_CRASHES - 1 }).kind).toBe("requeue");
  expect(decideTakeover({ ...lost, crashes: MAX_CRASHES }).kind).toBe("poison");
  expect(decideTakeover({ ...lost, startedSteps: ["update"], crashes: MAX_CRASHES }).kind).toBe(
    "interrupted",
  );
  expect(decideTakeover({ ...lost, cancelRequested: true, crashes: MAX_CRASHES }).kind).toBe("cancelled");
});
