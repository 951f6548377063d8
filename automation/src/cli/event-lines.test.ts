import { describe, expect, test } from "vitest";
import { foldEvents, NO_PROGRESS } from "../client/progress.ts";
import type { DeploymentEvent, EventBody } from "../contract/events.ts";
import { linesOf } from "./event-lines.ts";
import { liveLines, openLiveRegion } from "./live-region.ts";

const plain = (_style: unknown, text: string) => text;
const resource = {
  type: "resource",
  step: "update",
  urn: "urn:pulumi:local::desk::local:index:Process::api",
  resourceType: "local:index:Process",
  name: "api",
  operation: "create",
  changedProperties: [] as string[],
} as const;

function events(...bodies: EventBody[]): DeploymentEvent[] {
  return bodies.map((body, index) => ({
    sequence: index + 1,
    at: `2026-01-01T00:00:0${index}.000Z`,
    attempt: 1,
    body,
  }));
}

function printed(verbose: boolean, ...bodies: EventBody[]): string[] {
  let progress = NO_PROGRESS;
  return events(...bodies).flatMap((event) => {
    progress = foldEvents(progress, [event]);
    return linesOf(event, progress, { paint: plain, verbose });
  });
}

describe("lines of a deployment", () => {
  test("a pipe gets a line when a resource starts and one when it ends", () => {
    expect(printed(true, { ...resource, state: "started" }, { ...resource, state: "succeeded" })).toEqual([
      "  + creating local:index:Process api",
      "  + created  local:index:Process api 1.0 s",
    ]);
  });

  test("a terminal gets the end only, since what runs is in the live part", () => {
    expect(printed(false, { ...resource, state: "started" }, { ...resource, state: "succeeded" })).toEqual([
      "  + created  local:index:Process api 1.0 s",
    ]);
    expect(printed(false, { type: "output", step: "build", stream: "stdout", line: "compiling" })).toEqual(
      [],
    );
  });

  test("a resource that needs no change has no line, a failed one has", () => {
    expect(printed(true, { ...resource, operation: "same", state: "succeeded" })).toEqual([]);
    expect(printed(true, { ...resource, state: "failed" })).toEqual([
      "  ✗ create failed local:index:Process api",
    ]);
  });

  test("gates show verdict and reason", () => {
    const gate = {
      name: "smoke",
      phase: "after",
      required: true,
      verdict: "fail",
      detail: "GET /health answered 500, not 200",
      measuredAt: "2026-01-01T00:00:00.000Z",
    } as const;
    expect(printed(false, { type: "gate", gate })).toEqual([
      "  ✗ gate smoke: fail, GET /health answered 500, not 200",
    ]);
  });
});

describe("the live part of a terminal", () => {
  test("lists what is in flight with the time it takes, cut to the width", () => {
    const progress = foldEvents(
      NO_PROGRESS,
      events(
        { type: "step", step: "update", state: "running", detail: null },
        { ...resource, state: "started" },
      ),
    );
    const now = Date.parse("2026-01-01T00:00:03.000Z");
    expect(liveLines(progress, now, 80)).toEqual(["creating local:index:Process api 2.0 s", "update 3.0 s"]);
    for (const line of liveLines(progress, now, 20)) expect(line.length).toBeLessThanOrEqual(20);
  });

  test("removes exactly the lines that it drew and shows the cursor again", () => {
    const written: string[] = [];
    const output = { write: (text: string) => written.push(text), isTTY: true, columns: 80 };
    const region = openLiveRegion(output, plain, () => 0);
    region.show(NO_PROGRESS);
    region.print(["first"]);
    region.print(["second"]);
    region.close();
    const text = written.join("");
    expect(text.startsWith("\u001b[?25l")).toBe(true);
    expect(text.endsWith("\u001b[1A\u001b[0J\u001b[?25h")).toBe(true);
    expect(text.match(/first\n/g)).toHaveLength(1);
  });
});
