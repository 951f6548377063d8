import { describe, expect, test } from "vitest";
import type { CandidateFacts, StackFacts } from "./rules.ts";
import {
  checklistOf,
  checkManual,
  NO_SETTINGS,
  refuseLockOut,
  refuseOpen,
  refuseUnnamed,
  whyNotCounted,
} from "./rules.ts";

const GOOD: NonNullable<CandidateFacts["release"]> = {
  stack: "test",
  number: 4,
  health: "good",
  quarantined: false,
  target: "aws",
  gates: [{ name: "whole", kind: "validate", required: true, verdict: "pass" }],
};
const STACK: StackFacts = {
  slots: ["binance", "openai"],
  filled: new Set(["binance", "openai"]),
  validated: { "data-stores": "passed", monitoring: "passed" },
  openDrift: 0,
  releases: 2,
  goodReleases: 2,
};
const stateOf = (
  name: string,
  release: CandidateFacts["release"],
  stack: Partial<StackFacts> = {},
  before: string | null = "test",
) =>
  checklistOf(
    { ...NO_SETTINGS, manual: [] },
    { candidate: { release, before }, stack: { ...STACK, ...stack }, ticks: [] },
  ).find((item) => item.name === name)?.state;

describe("an automatic item", () => {
  test.each([
    ["good-before", GOOD, {}, "ok"],
    ["good-before", { ...GOOD, health: "pending" as const }, {}, "open"],
    ["good-before", { ...GOOD, health: "bad" as const }, {}, "failed"],
    ["good-before", { ...GOOD, quarantined: true }, {}, "failed"],
    ["good-before", null, {}, "open"],
    ["verified-before", GOOD, {}, "ok"],
    ["verified-before", { ...GOOD, gates: [] }, {}, "open"],
    [
      "verified-before",
      { ...GOOD, gates: [{ name: "up", kind: "http", required: true, verdict: "pass" }] },
      {},
      "open",
    ],
    [
      "verified-before",
      {
        ...GOOD,
        target: "other" as const,
        gates: [{ name: "up", kind: "http", required: true, verdict: "pass" }],
      },
      {},
      "ok",
    ],
    [
      "verified-before",
      { ...GOOD, gates: [...GOOD.gates, { name: "up", kind: "http", required: true, verdict: "error" }] },
      {},
      "failed",
    ],
    [
      "verified-before",
      { ...GOOD, gates: [...GOOD.gates, { name: "up", kind: "http", required: false, verdict: "fail" }] },
      {},
      "ok",
    ],
    ["secrets", GOOD, {}, "ok"],
    ["secrets", GOOD, { filled: new Set(["openai"]) }, "open"],
    ["secrets", GOOD, { slots: null }, "not-applicable"],
    ["backups", GOOD, {}, "ok"],
    ["backups", GOOD, { validated: { "data-stores": "failed", monitoring: "passed" } as const }, "failed"],
    ["backups", GOOD, { validated: { monitoring: "passed" } as const }, "open"],
    ["backups", GOOD, { validated: null }, "open"],
    ["alarms", GOOD, { validated: { "data-stores": "passed", monitoring: "failed" } as const }, "failed"],
    ["alarms", GOOD, { slots: null, validated: null }, "not-applicable"],
    ["drift", GOOD, { openDrift: 1 }, "failed"],
    ["way-back", GOOD, { goodReleases: 0 }, "failed"],
    ["way-back", GOOD, { releases: 0, goodReleases: 0 }, "not-applicable"],
  ])("%s, of facts in row %#, is %s", (name, release, stack, expected) => {
    expect(stateOf(name, release, stack)).toBe(expected);
  });

  test("about the stack before has no meaning where none is before", () => {
    expect(stateOf("good-before", null, {}, null)).toBe("not-applicable");
    expect(stateOf("verified-before", null, {}, null)).toBe("not-applicable");
  });

  test("that a stack leaves out is not on its checklist", () => {
    const settings = { ...NO_SETTINGS, without: ["backups" as const] };
    const facts = { candidate: { release: GOOD, before: "test" }, stack: STACK, ticks: [] };
    expect(checklistOf(settings, facts).map(({ name }) => name)).not.toContain("backups");
  });
});

test("a manual item is open until somebody ticks it, and again when that is taken back", () => {
  const settings = { required: true, manual: [{ name: "on-call", title: "On call" }], without: [] };
  const at = new Date("2026-11-21T10:00:00Z");
  const state = (ticks: { done: boolean }[]) =>
    checklistOf(settings, {
      candidate: { release: GOOD, before: "test" },
      stack: STACK,
      ticks: ticks.map(({ done }) => ({ item: "on-call", done, note: null, by: "user:ann", at })),
    }).at(-1);
  expect(state([])).toMatchObject({ state: "open", by: null });
  expect(state([{ done: true }])).toMatchObject({ state: "ok", by: "user:ann", at: at.toISOString() });
  expect(state([{ done: false }])).toMatchObject({ state: "open", detail: "taken back" });
});

test("nothing is signed off while an item is open or failed; one without a meaning holds nothing up", () => {
  const item = (name: string, state: "ok" | "open" | "failed" | "not-applicable") => ({
    name,
    title: name,
    kind: "manual" as const,
    state,
    detail: "seen",
    by: null,
    at: null,
  });
  expect(() => refuseOpen([item("a", "ok"), item("b", "not-applicable")])).not.toThrow();
  expect(() => refuseOpen([item("a", "ok"), item("b", "open"), item("c", "failed")])).toThrow(
    expect.objectContaining({
      code: "checklist_open",
      details: {
        issues: [
          { path: "checklist.b", message: "open: seen" },
          { path: "checklist.c", message: "failed: seen" },
        ],
      },
    }),
  );
});

test.each([
  ["somebody else", { by: "user:bea", mayDeploy: true }, null],
  ["whoever has a part in the change", { by: "user:ann", mayDeploy: true }, /has a part in the change/],
  ["somebody who was removed", { by: "user:bea", mayDeploy: false }, /may not deploy here any more/],
])("a sign-off by %s counts, or says why it does not", (_, signOff, why) => {
  const said = whyNotCounted(signOff, new Set(["user:ann"]));
  if (why === null) expect(said).toBeNull();
  else expect(said).toMatch(why);
});

test("what a run of the Pulumi CLI brings has no name to sign off, and is refused with the way to wait for one", () => {
  expect(() => refuseUnnamed("production")).toThrow(
    expect.objectContaining({
      code: "sign_off_missing",
      remedy: expect.stringContaining("slipway deploy") as string,
    }),
  );
});

test("nobody asks for sign-offs that nobody could give, and no two items share a name", () => {
  expect(() => refuseLockOut(true, 0)).toThrow(expect.objectContaining({ code: "rules_lock_out" }));
  expect(() => refuseLockOut(true, 1)).not.toThrow();
  expect(() => refuseLockOut(false, 0)).not.toThrow();
  expect(() =>
    checkManual([
      { name: "a", title: "A" },
      { name: "a", title: "B" },
    ]),
  ).toThrow();
  expect(() => checkManual([{ name: "drift", title: "A" }])).toThrow();
  expect(() => checkManual(NO_SETTINGS.manual)).not.toThrow();
});
