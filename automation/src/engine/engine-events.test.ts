import { expect, test } from "vitest";
import { digestEvents, slimEvent } from "./engine-events.ts";

const metadata = {
  op: "update",
  urn: "urn:pulumi:dev::p::t:i:T::one",
  type: "t:i:T",
  diffs: ["text"],
  detailedDiff: { text: { diffKind: "update", inputDiff: true } },
  old: { inputs: { text: "before" } },
  new: { inputs: { text: "after" } },
  provider: "x",
};

test("an engine event keeps what is told of a resource and loses its states", () => {
  const { old: _old, new: _new, provider: _provider, ...kept } = metadata;
  expect(slimEvent({ sequence: 3, timestamp: 1, resourcePreEvent: { metadata, planning: false } })).toEqual({
    resourcePreEvent: { metadata: kept },
  });
  expect(slimEvent({ resOutputsEvent: { metadata, planning: true } })).toEqual({
    resOutputsEvent: { metadata: kept, planning: true },
  });
  expect(slimEvent({ resOpFailedEvent: { metadata, status: 1 } })).toEqual({
    resOpFailedEvent: { metadata: kept },
  });
});

test("config, debug talk, progress and kinds that nobody knows do not leave the runner", () => {
  expect(slimEvent({ preludeEvent: { config: { "p:password": "hunter2" } } })).toEqual({ preludeEvent: {} });
  expect(slimEvent({ diagnosticEvent: { severity: "debug", message: "RegisterResource" } })).toBeNull();
  expect(slimEvent({ diagnosticEvent: { severity: "info", message: "12 %", ephemeral: true } })).toBeNull();
  expect(slimEvent({ progressEvent: { id: "download" } })).toBeNull();
});

test("the digest of slim events counts changes and names each error once", () => {
  const digest = digestEvents();
  const error = { severity: "error", message: "<{%fg 1%}>it failed<{%reset%}>\n", prefix: "error: " };
  for (const raw of [
    { diagnosticEvent: error },
    { diagnosticEvent: error },
    { diagnosticEvent: { severity: "warning", message: "mind" } },
    { summaryEvent: { resourceChanges: { create: 2, same: 1 }, durationSeconds: 3, policyPacks: {} } },
  ]) {
    digest.add(slimEvent(raw) ?? {});
  }
  expect(digest.errors).toEqual(["it failed"]);
  expect(digest.changes).toEqual({ create: 2, same: 1 });
});
