import { expect, test } from "vitest";
import { ageOf, heldText, releaseCommand } from "./writer.ts";

const at = (time: string) => new Date(`2026-03-01T${time}Z`);
const update = {
  organisation: "default",
  project: "desk",
  stack: "dev",
  holderKind: "update" as const,
  expiresAt: at("10:09:00"),
  now: at("10:04:00"),
  number: 12,
  deploymentId: null,
  what: "up",
  principal: "alice",
  host: "10.0.0.7",
  since: at("10:00:00"),
  lastEntryAt: at("10:03:58"),
};

test("a second writer is told who holds the stack, from where, since when, how lively and until when", () => {
  expect(heldText(update)).toBe(
    "The stack default/desk/dev is held by update 12 (pulumi up) of alice from 10.0.0.7 since 2026-03-01 10:00:00 UTC, " +
      "for 4 minutes. Its last journal entry came 2 seconds ago; it holds the stack until 2026-03-01 10:09:00 UTC unless it renews before.",
  );
  expect(releaseCommand(update)).toBe("pulumi cancel --yes --stack default/desk/dev");
});

test("a deployment that holds the stack is named with its worker and its own command", () => {
  const attempt = {
    ...update,
    holderKind: "attempt" as const,
    number: 7,
    deploymentId: "1f0c",
    what: "destroy",
    host: "build-3",
  };
  expect(heldText({ ...attempt, lastEntryAt: null })).toContain(
    "is held by deployment 7 (destroy) of alice on worker build-3 since",
  );
  expect(heldText({ ...attempt, lastEntryAt: null })).toContain("It has recorded nothing yet;");
  expect(releaseCommand(attempt)).toBe("slipway cancel 1f0c");
});

test("a holder whose time is up is told as one that is being taken over", () => {
  expect(heldText({ ...update, now: at("10:10:00") })).toContain("is being taken over");
});

test("ages are told in one unit", () => {
  const now = at("12:00:00");
  const ago = (ms: number) => ageOf(new Date(now.getTime() - ms), now);
  expect([0, 1_000, 119_000, 120_000, 7_199_000, 7_200_000].map(ago)).toEqual([
    "0 seconds",
    "1 second",
    "119 seconds",
    "2 minutes",
    "120 minutes",
    "2 hours",
  ]);
  expect(ago(-5_000)).toBe("0 seconds");
});
