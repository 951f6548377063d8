import type { Deployment } from "@slipway/automation/contract";
import { expect, test } from "vitest";
import { primaryActionOf } from "./primary-action.ts";

const instant = "2026-11-21T00:00:00.000Z";
const consent: NonNullable<Deployment["consent"]> = {
  steps: [{ id: "delete db", kind: "delete", urn: null, detail: "The database is deleted." }],
  askedAt: instant,
  expiresAt: instant,
  consentedBy: null,
  consentedAt: null,
  reason: null,
};
const hold: NonNullable<Deployment["hold"]> = {
  why: "undecided",
  reason: "",
  heldAt: instant,
  expiresAt: instant,
  onExpiry: "keep",
  decision: null,
  decidedAt: null,
  decidedBy: null,
  decisionReason: null,
};
const nextAction: NonNullable<Deployment["nextAction"]> = {
  kind: "continue",
  detail: "",
  pendingCreates: [],
};
const open = { state: "open", me: { mayVote: true, maySignOff: false, why: null } } as const;
const others = {
  state: "open",
  me: { mayVote: false, maySignOff: false, why: "you asked for it" },
} as const;
const unsigned = { state: "open", me: { mayVote: false, maySignOff: true, why: null } } as const;

test.each([
  ["a vote of mine is missing", { status: "waiting_approval", nextAction: null }, open, "vote"],
  ["votes of others are missing", { status: "waiting_approval", nextAction: null }, others, "await-votes"],
  ["my sign-off is missing", { status: "waiting_approval", nextAction: null }, unsigned, "sign-off"],
  ["enough have voted", { status: "queued", nextAction: null }, { ...open, state: "approved" }, "none"],
  ["steps that cannot be undone", { status: "waiting_approval", nextAction: null, consent }, open, "consent"],
  [
    "somebody has agreed to them",
    { status: "waiting_approval", nextAction: null, consent: { ...consent, consentedBy: "mia" } },
    open,
    "vote",
  ],
  ["held for a decision", { status: "running", nextAction: null, hold }, null, "decide-hold"],
  ["decided", { status: "succeeded", nextAction: null, hold: { ...hold, decision: "keep" } }, null, "none"],
  ["interrupted", { status: "interrupted", nextAction }, null, "continue"],
  ["stale", { status: "stale", nextAction: null }, { ...open, state: "stale" }, "preview-again"],
  ["expired", { status: "expired", nextAction: null }, { ...open, state: "expired" }, "preview-again"],
  ["rejected", { status: "rejected", nextAction: null }, { ...open, state: "rejected" }, "none"],
  ["running", { status: "running", nextAction: null }, null, "none"],
  [
    "an end that came before its approval was read again",
    { status: "cancelled", nextAction: null, consent },
    open,
    "none",
  ],
] as const)("%s", (_name, deployment, approval, expected) => {
  expect(primaryActionOf({ operation: "update", ...deployment }, approval)).toBe(expected);
});

test("what a preview has shown can be deployed, once it has succeeded", () => {
  const preview = { operation: "preview", nextAction: null } as const;
  expect(primaryActionOf({ ...preview, status: "succeeded" }, null)).toBe("deploy-this");
  expect(primaryActionOf({ ...preview, status: "failed" }, null)).toBe("none");
});
