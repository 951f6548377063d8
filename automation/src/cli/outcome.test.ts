import { expect, test } from "vitest";
import type { Deployment } from "../contract/deployments.ts";
import { outcomeOf } from "./outcome.ts";

const plain = (_style: unknown, text: string) => text;

function deployment(more: Partial<Deployment>): Deployment {
  return {
    id: "00000000-0000-4000-8000-000000000001",
    organisation: "default",
    project: "desk",
    stack: "local",
    number: 2,
    operation: "update",
    status: "succeeded",
    options: {},
    message: null,
    requestedBy: "owner",
    cause: "request",
    causedBy: null,
    rolledBackBy: null,
    targetRelease: null,
    promotedFrom: null,
    release: null,
    sourceDigest: null,
    requestedAt: "2026-01-01T00:00:00.000Z",
    startedAt: "2026-01-01T00:00:01.000Z",
    finishedAt: "2026-01-01T00:00:04.200Z",
    steps: [],
    gates: [],
    changes: { create: 2, same: 1 },
    queuePosition: null,
    waiting: null,
    failure: null,
    attempts: 1,
    continues: null,
    runsAfter: null,
    cancellation: null,
    resources: null,
    nextAction: null,
    verification: null,
    hold: null,
    consent: null,
    binding: null,
    moved: null,
    ...more,
  };
}
const failure = { code: "update_failed", detail: "no answer on /health", remedy: "Correct the program." };

test("a success says what changed, how long it took and which release it is", () => {
  expect(outcomeOf(deployment({ release: 4 }), null, plain)).toEqual({
    lines: ["✓ update #2 of desk/local succeeded in 3.2 s: 2 created, 1 unchanged. Release 4 was recorded."],
    exitCode: 0,
  });
});

test("a failure has its first failing line on top, then what to do", () => {
  const outcome = outcomeOf(deployment({ status: "failed", failure }), null, plain);
  expect(outcome.lines).toEqual([
    "✗ no answer on /health",
    "→ Correct the program.",
    "update #2 of desk/local failed.",
  ]);
  expect(outcome.exitCode).toBe(1);
});

test("an automatic rollback is said plainly and has an exit code of its own", () => {
  const rollback = deployment({ number: 3, operation: "rollback", targetRelease: 1 });
  const outcome = outcomeOf(deployment({ status: "rolled_back", failure }), rollback, plain);
  expect(outcome.lines[0]).toBe("✗ no answer on /health");
  expect(outcome.lines.at(-1)).toContain("rolled back automatically: release 1 runs again");
  expect(outcome.exitCode).toBe(7);
});

test("an automatic rollback that failed too is a failure and says so", () => {
  const rollback = deployment({
    number: 3,
    operation: "rollback",
    status: "failed",
    failure,
    targetRelease: 1,
  });
  const outcome = outcomeOf(deployment({ status: "failed", failure }), rollback, plain);
  expect(outcome.lines.join("\n")).toContain("did not succeed either");
  expect(outcome.exitCode).toBe(1);
});

test.each([
  ["cancelled", 6],
  ["rolled_back", 7],
  ["interrupted", 1],
  ["expired", 1],
  ["stale", 1],
  ["rejected", 1],
] as const)("status %s is exit code %d", (status, exitCode) => {
  expect(outcomeOf(deployment({ status }), null, plain).exitCode).toBe(exitCode);
});

test("text of a program cannot move the terminal's cursor", () => {
  const evil = { ...failure, detail: "bad\u001b[2J\u001b]0;title\u0007 thing\r" };
  expect(outcomeOf(deployment({ status: "failed", failure: evil }), null, plain).lines[0]).toBe(
    "✗ bad thing",
  );
});
