import { describe, expect, test } from "vitest";
import type { FreezeTimes } from "./rules.ts";
import { checkFreeze, freezeHolds, frozenBy, windowAt, windowsFrom } from "./rules.ts";

const at = (text: string): Date => new Date(text);
const once: FreezeTimes = {
  cron: null,
  startsAt: at("2026-12-20T00:00:00Z"),
  endsAt: at("2027-01-04T00:00:00Z"),
  timeZone: "UTC",
};
/** Fridays from 18:00 for 62 hours. */
const weekends: FreezeTimes = { cron: "0 18 * * 5", durationMinutes: 62 * 60, timeZone: "Europe/Berlin" };

describe("a window", () => {
  test.each([
    ["before it begins", "2026-12-19T23:59:59.999Z", false],
    ["at its first instant", "2026-12-20T00:00:00Z", true],
    ["at its last instant", "2027-01-03T23:59:59.999Z", true],
    ["at its end", "2027-01-04T00:00:00Z", false],
  ])("that comes once stands or not: %s", (_, now, stands) => {
    expect(windowAt(once, at(now)) !== undefined).toBe(stands);
  });

  test.each([
    // Berlin is an hour ahead of UTC in winter.
    ["a second before it begins", "2026-11-20T16:59:59Z", false],
    ["when it begins", "2026-11-20T17:00:00Z", true],
    ["a day later", "2026-11-21T17:00:00Z", true],
    ["a millisecond before its end", "2026-11-23T06:59:59.999Z", true],
    ["at its end", "2026-11-23T07:00:00Z", false],
    ["in the middle of the week", "2026-11-25T12:00:00Z", false],
    // And two in summer.
    ["when it begins in summer", "2026-07-03T16:00:00Z", true],
    ["a second before that", "2026-07-03T15:59:59Z", false],
  ])("that recurs stands or not: %s", (_, now, stands) => {
    expect(windowAt(weekends, at(now)) !== undefined).toBe(stands);
  });

  test("lasts its minutes also over a night in which clocks are put forward", () => {
    const window = windowAt(weekends, at("2026-03-28T12:00:00Z"));
    expect(window).toEqual({ from: at("2026-03-27T17:00:00Z"), until: at("2026-03-30T07:00:00Z") });
  });

  test("that stands is the first of those to come", () => {
    const windows = windowsFrom(weekends, at("2026-11-21T00:00:00Z"), 2);
    expect(windows.map(({ from }) => from.toISOString())).toEqual([
      "2026-11-20T17:00:00.000Z",
      "2026-11-27T17:00:00.000Z",
    ]);
    expect(windowsFrom(once, at("2027-01-04T00:00:00Z"), 3)).toEqual([]);
  });
});

test("of two windows that stand the one that holds longer is named", () => {
  const friday = at("2026-12-25T20:00:00Z");
  const found = frozenBy(
    [
      { times: weekends, id: 1 },
      { times: once, id: 2 },
    ],
    friday,
  );
  expect(found?.freeze.id).toBe(2);
  expect(frozenBy([{ times: weekends }], at("2026-12-23T20:00:00Z"))).toBeUndefined();
});

test.each([
  ["preview", {}, false],
  ["detect-drift", {}, false],
  ["update", {}, true],
  ["refresh", {}, true],
  ["destroy", {}, true],
  ["rollback", {}, true],
  ["remediate-drift", {}, true],
  ["an operation of tomorrow", {}, true],
  ["rollback", { automaticRollback: true }, false],
  ["update", { emergency: true }, false],
])("a freeze holds %s with %o up: %s", (operation, more, holds) => {
  expect(freezeHolds({ operation, automaticRollback: false, emergency: false, ...more })).toBe(holds);
});

describe("what is asked for", () => {
  const now = at("2026-11-21T12:00:00Z");
  const ask = (asked: Partial<Parameters<typeof checkFreeze>[0]>) => () =>
    checkFreeze({ timeZone: "UTC", ...asked }, now);

  test.each([
    [{}, "until"],
    [{ until: "2026-11-20T00:00:00Z" }, "until"],
    [{ from: "2026-12-02T00:00:00Z", until: "2026-12-01T00:00:00Z" }, "until"],
    [{ until: "2026-12-01T00:00:00Z", durationMinutes: 5 }, "durationMinutes"],
    [{ cron: "0 18 * * 5" }, "durationMinutes"],
    [{ cron: "0 18 * * 5", durationMinutes: 60, until: "2026-12-01T00:00:00Z" }, "cron"],
    // From one Friday to the next are 10,080 minutes: it would never end.
    [{ cron: "0 18 * * 5", durationMinutes: 10_080 }, "durationMinutes"],
    [{ cron: "0 25 * * *", durationMinutes: 60 }, "cron"],
    [{ cron: "@daily", durationMinutes: 60, timeZone: "Nowhere/Land" }, "timeZone"],
    [{ until: "2026-12-01T00:00:00Z", timeZone: "+02:00" }, "timeZone"],
  ])("%o is refused, and the field %s named", (asked, field) => {
    expect(ask(asked)).toThrow(
      expect.objectContaining({ code: "invalid_request", message: expect.stringContaining(field) }),
    );
  });

  test("begins at once when it says nothing else", () => {
    expect(ask({ until: "2026-11-22T00:00:00+01:00" })()).toEqual({
      cron: null,
      startsAt: now,
      endsAt: at("2026-11-21T23:00:00Z"),
      timeZone: "UTC",
    });
  });
});
