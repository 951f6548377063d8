import { expect, test } from "vitest";
import { eventOf } from "../engine/map-event.ts";
import { accountResources } from "./resource-account.ts";

const urn = "urn:pulumi:dev::desk::ledger:index:Entry::one";
const metadata = (op: string, more: Record<string, unknown> = {}) => ({
  op,
  urn,
  type: "ledger:index:Entry",
  old: null,
  new: null,
  ...more,
});

test("a planned, a begun, a finished and a failed step of a resource are told apart", () => {
  const states = [
    eventOf("preview", { resourcePreEvent: { metadata: metadata("create"), planning: true } }),
    eventOf("preview", { resOutputsEvent: { metadata: metadata("create"), planning: true } }),
    eventOf("update", { resourcePreEvent: { metadata: metadata("create") } }),
    eventOf("update", { resOutputsEvent: { metadata: metadata("create") } }),
    eventOf("update", { resOpFailedEvent: { metadata: metadata("create"), status: 1, steps: 1 } }),
    eventOf("update", { resourcePreEvent: { metadata: metadata("same") } }),
    eventOf("update", { resOutputsEvent: { metadata: metadata("same") } }),
  ].map((event) => (event?.type === "resource" ? event.state : null));
  expect(states).toEqual(["planned", null, "started", "succeeded", "failed", null, "succeeded"]);
});

test("changed properties are named by their paths, and no value passes", () => {
  const event = eventOf("update", {
    resourcePreEvent: {
      metadata: metadata("update", {
        diffs: ["text"],
        detailedDiff: { "tags.owner": { diffKind: "update", inputDiff: true } },
        old: { inputs: { text: "canary" } },
        new: { inputs: { text: "canary" } },
      }),
    },
  });
  expect(event).toEqual({
    type: "resource",
    step: "update",
    urn,
    resourceType: "ledger:index:Entry",
    name: "one",
    operation: "update",
    state: "started",
    changedProperties: ["tags.owner"],
  });
});

test("diagnostics lose their colours and their excess, and keep their severity", () => {
  const diagnostic = (message: string, severity: string, more = {}) =>
    eventOf("update", { diagnosticEvent: { message, severity, urn: "", color: "raw", ...more } });
  expect(diagnostic("<{%fg 1%}>boom<{%reset%}>\n", "error")).toMatchObject({
    severity: "error",
    message: "boom",
    urn: null,
  });
  expect(diagnostic("said on stderr", "info#err")).toMatchObject({ severity: "info" });
  expect(diagnostic("still at it", "info", { ephemeral: true })).toBeNull();
  expect(diagnostic("RegisterResource RPC prepared", "debug")).toBeNull();
  expect(diagnostic("\n", "info")).toBeNull();
  const long = diagnostic("x".repeat(20_000), "warning");
  expect(long?.type === "diagnostic" ? long.message : "").toMatch(/x \[4000 more characters\]$/);
});

test("the engine's first word tells that it is at work, and nothing of the config in it", () => {
  expect(eventOf("preview", { preludeEvent: { config: { "desk:key": "canary" } } })).toEqual({
    type: "engine",
    step: "preview",
    state: "started",
  });
});

test("a summary counts, and what says nothing to people is left out", () => {
  expect(eventOf("update", { summaryEvent: { durationSeconds: 2, resourceChanges: { create: 3 } } })).toEqual(
    {
      type: "summary",
      step: "update",
      changes: { create: 3 },
      durationMs: 2000,
    },
  );
  for (const raw of [{ cancelEvent: {} }, { stdoutEvent: { message: "x" } }, { summaryEvent: 7 }])
    expect(eventOf("update", raw)).toBeNull();
});

test("the account of an update says what is done, failed and unknown", () => {
  const account = accountResources();
  const add = (
    name: string,
    operation: string,
    state: "started" | "succeeded" | "failed",
    type = "a:b:C",
  ): void =>
    account.add({
      type: "resource",
      step: "update",
      urn: `urn::${name}`,
      resourceType: type,
      name,
      operation,
      state,
      changedProperties: [],
    });
  expect(account.describe()).toBe("No resource was changed.");
  add("stack", "create", "started", "pulumi:pulumi:Stack");
  add("kept", "same", "succeeded");
  expect(account.hasBegun()).toBe(false);
  add("one", "create", "started");
  add("one", "create", "succeeded");
  add("two", "update", "started");
  add("two", "update", "failed");
  add("three", "delete", "started");
  expect(account.hasBegun()).toBe(true);
  expect(account.describe()).toBe(
    "Resource operations: 1 done, 1 failed (update two), 1 unknown (delete three).",
  );
});
