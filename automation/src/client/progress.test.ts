import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DeploymentEvent, EventBody } from "../contract/events.ts";
import {
  endProgress,
  firstFailure,
  foldEvents,
  foldUpdateEvents,
  NO_PROGRESS,
  resourceRows,
} from "./progress.ts";

const URN = "urn:pulumi:local::desk::local:index:Process::api";

function event(sequence: number, body: EventBody, attempt = 1): DeploymentEvent {
  return { sequence, at: `2026-01-01T00:00:${String(sequence % 60).padStart(2, "0")}.000Z`, attempt, body };
}
function resource(operation: string, state: "planned" | "started" | "succeeded" | "failed", step = "update") {
  return {
    type: "resource",
    step,
    urn: URN,
    resourceType: "local:index:Process",
    name: "api",
    operation,
    state,
    changedProperties: [],
  } as const satisfies EventBody;
}

const RECORDED: DeploymentEvent[] = [
  event(1, { type: "status", status: "queued", detail: null }),
  event(2, { type: "status", status: "running", detail: null }),
  event(3, { type: "step", step: "preview", state: "running", detail: null }),
  event(4, resource("create", "planned", "preview")),
  event(5, { type: "summary", step: "preview", changes: { create: 1 }, durationMs: 900 }),
  event(6, { type: "step", step: "preview", state: "succeeded", detail: null }),
  event(7, { type: "step", step: "update", state: "running", detail: null }),
  event(8, resource("create", "started")),
  event(9, { type: "output", step: "update", stream: "stdout", line: "hello" }),
  event(10, { type: "diagnostic", step: "update", severity: "warning", urn: null, message: "careful" }),
  event(11, {
    type: "diagnostic",
    step: "update",
    severity: "error",
    urn: URN,
    message: "\nno answer on /health\nat line 3",
  }),
  event(12, resource("create", "failed")),
  event(13, { type: "step", step: "update", state: "failed", detail: "the update failed" }),
  event(14, { type: "status", status: "failed", detail: null }),
];

describe("the progress of a deployment", () => {
  test("follows status, steps, resources, log and diagnostics of recorded events", () => {
    const progress = foldEvents(NO_PROGRESS, RECORDED);
    expect(progress.status).toBe("failed");
    expect(progress.steps.map((step) => [step.name, step.state])).toEqual([
      ["preview", "succeeded"],
      ["update", "failed"],
    ]);
    expect(progress.steps[1]).toMatchObject({
      startedAt: "2026-01-01T00:00:07.000Z",
      finishedAt: "2026-01-01T00:00:13.000Z",
    });
    expect(progress.log.map((line) => line.line)).toEqual(["hello"]);
    expect(progress.changes).toEqual({ preview: { create: 1 } });
    expect(progress).toMatchObject({ lastSequence: 14, missing: 0, attempt: 1 });
  });

  test("shows a resource as planned by the preview until the update reports on it", () => {
    expect(resourceRows(foldEvents(NO_PROGRESS, RECORDED.slice(0, 7)))).toMatchObject([{ state: "planned" }]);
    expect(resourceRows(foldEvents(NO_PROGRESS, RECORDED.slice(0, 8)))).toMatchObject([
      { state: "started", startedAt: "2026-01-01T00:00:08.000Z", finishedAt: null },
    ]);
    expect(resourceRows(foldEvents(NO_PROGRESS, RECORDED))).toMatchObject([
      { state: "failed", finishedAt: "2026-01-01T00:00:12.000Z" },
    ]);
  });

  test("puts the first line of the first error on top, not the warning before it", () => {
    expect(firstFailure(foldEvents(NO_PROGRESS, RECORDED))).toBe("no answer on /health");
  });

  test("names the failing gate when the engine reported no error", () => {
    const gate = {
      name: "smoke",
      phase: "after" as const,
      required: true,
      verdict: "fail" as const,
      detail: "GET /health answered 500",
      measuredAt: "2026-01-01T00:00:01.000Z",
    };
    expect(firstFailure(foldEvents(NO_PROGRESS, [event(1, { type: "gate", gate })]))).toBe(
      "smoke: GET /health answered 500",
    );
  });

  test("is the same however the stream was cut and whatever was sent again", () => {
    const whole = foldEvents(NO_PROGRESS, RECORDED);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: RECORDED.length }), { maxLength: 6 }), (cuts) => {
        let progress = NO_PROGRESS;
        for (const cut of cuts) {
          // A resumed stream starts at or before what was seen last.
          const from = Math.min(progress.lastSequence, cut);
          progress = foldEvents(progress, RECORDED.slice(from, Math.max(cut, from)));
        }
        progress = foldEvents(progress, RECORDED.slice(Math.max(0, progress.lastSequence - 2)));
        expect(progress).toEqual(whole);
      }),
    );
  });

  test("counts events that never arrived", () => {
    const progress = foldEvents(NO_PROGRESS, [...RECORDED.slice(0, 3), ...RECORDED.slice(6, 8)]);
    expect(progress.missing).toBe(3);
  });

  test("calls what was in flight in a lost attempt unknown until the successor reports on it", () => {
    const lost = foldEvents(NO_PROGRESS, [
      event(1, resource("create", "started")),
      event(2, { type: "step", step: "update", state: "running", detail: null }, 2),
    ]);
    expect(lost.resources).toMatchObject([{ state: "unknown" }]);
    expect(foldEvents(lost, [event(3, resource("same", "succeeded"), 2)]).resources).toMatchObject([
      { state: "succeeded" },
    ]);
  });

  test("shows the parts of a replacement as one row, which stays failed once a part failed", () => {
    const parts = [
      event(1, resource("create-replacement", "started")),
      event(2, resource("create-replacement", "succeeded")),
      event(3, resource("replace", "succeeded")),
      event(4, resource("delete-replaced", "started")),
    ];
    expect(foldEvents(NO_PROGRESS, parts).resources).toMatchObject([
      { operation: "replace", state: "started" },
    ]);
    const failed = [
      event(1, resource("create-replacement", "failed")),
      event(2, resource("replace", "succeeded")),
    ];
    expect(foldEvents(NO_PROGRESS, failed).resources).toMatchObject([
      { operation: "replace", state: "failed" },
    ]);
  });

  test("leaves out resources that need no change unless asked for", () => {
    const progress = foldEvents(NO_PROGRESS, [event(1, resource("same", "succeeded"))]);
    expect(resourceRows(progress)).toEqual([]);
    expect(resourceRows(progress, { includeUnchanged: true })).toHaveLength(1);
  });
});

describe("the progress of an update of the Pulumi CLI", () => {
  const at = "2026-01-01T00:00:01.000Z";

  test("counts told gaps and nothing else: numbers that say nothing to people are left out", () => {
    const progress = foldUpdateEvents(NO_PROGRESS, [
      { sequence: 2, at, body: resource("create", "started") },
      { sequence: 6, at, body: { type: "gap", from: 4, to: 6 } },
      { sequence: 7, at, body: resource("create", "succeeded") },
    ]);
    expect(progress).toMatchObject({
      missing: 3,
      lastSequence: 7,
      resources: [{ name: "api", state: "succeeded" }],
    });
  });

  test("is the same however often a resumed stream repeats an event", () => {
    const events = [1, 2, 3].map((sequence) => ({ sequence, at, body: resource("create", "started") }));
    const once = foldUpdateEvents(NO_PROGRESS, events);
    expect(foldUpdateEvents(once, events)).toEqual(once);
  });

  test("has an unknown end for what was in flight when it ended", () => {
    const progress = foldUpdateEvents(NO_PROGRESS, [
      { sequence: 1, at, body: resource("create", "started") },
    ]);
    expect(endProgress(progress).resources).toMatchObject([{ state: "unknown" }]);
  });
});
