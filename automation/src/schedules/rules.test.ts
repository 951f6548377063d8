import { describe, expect, test } from "vitest";
import { dueAt, nextSlot } from "./due.ts";
import { checkTiming, decideDue, LATE_AFTER_MS, localTime, slotsAfter } from "./rules.ts";

const NOW = new Date("2026-01-15T12:00:00Z");
const ID = "0b0e7a36-5a0c-4a3e-9a38-0a52f9f6e2d1";

function cron(pattern: string, timeZone = "UTC", jitterSeconds = 0) {
  return checkTiming({ cron: pattern, timeZone, jitterSeconds }, NOW);
}

/** The local times of the slots after an instant. */
function slots(pattern: string, timeZone: string, after: string, count: number): string[] {
  const timing = { cron: pattern, at: null, timeZone };
  return slotsAfter(timing, new Date(after), count).map((slot) => localTime(slot, timeZone));
}

describe("clocks that are put forward", () => {
  test("a time that the day does not have is the instant at which the gap ends", () => {
    expect(slots("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3)).toEqual([
      "2026-03-28 02:30:00 +01:00",
      "2026-03-29 03:00:00 +02:00",
      "2026-03-30 02:30:00 +02:00",
    ]);
  });

  test("it never runs twice where the end of the gap is a slot too", () => {
    expect(slots("0 2,3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 3)).toEqual([
      "2026-03-29 03:00:00 +02:00",
      "2026-03-30 02:00:00 +02:00",
      "2026-03-30 03:00:00 +02:00",
    ]);
  });

  test("a period keeps its distance across the gap, also one of half an hour", () => {
    expect(slots("*/15 * * * *", "Europe/Berlin", "2026-03-29T00:40:00Z", 3)).toEqual([
      "2026-03-29 01:45:00 +01:00",
      "2026-03-29 03:00:00 +02:00",
      "2026-03-29 03:15:00 +02:00",
    ]);
    expect(slots("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", 2)).toEqual([
      "2026-10-04 02:30:00 +11:00",
      "2026-10-05 02:15:00 +11:00",
    ]);
  });
});

describe("clocks that are put back", () => {
  test("a time that the day has twice is the first of the two", () => {
    expect(slots("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2)).toEqual([
      "2026-10-25 02:30:00 +02:00",
      "2026-10-26 02:30:00 +01:00",
    ]);
  });

  test("a period goes on through both hours", () => {
    expect(slots("*/30 * * * *", "Europe/Berlin", "2026-10-24T23:40:00Z", 5)).toEqual([
      "2026-10-25 02:00:00 +02:00",
      "2026-10-25 02:30:00 +02:00",
      "2026-10-25 02:00:00 +01:00",
      "2026-10-25 02:30:00 +01:00",
      "2026-10-25 03:00:00 +01:00",
    ]);
  });

  test("the slot after the first of the two is computed from it, and is not the second", () => {
    const timing = { cron: "30 2 * * *", at: null, timeZone: "Europe/Berlin", jitterSeconds: 0 };
    const first = nextSlot(ID, timing, new Date("2026-10-24T12:00:00Z"))?.slot ?? NOW;
    expect(nextSlot(ID, timing, first)?.slot.toISOString()).toBe("2026-10-26T01:30:00.000Z");
  });
});

describe("days and zones", () => {
  test("the 29th of February comes in leap years only", () => {
    expect(slots("0 1 29 2 *", "UTC", "2026-01-01T00:00:00Z", 2).map((at) => at.slice(0, 10))).toEqual([
      "2028-02-29",
      "2032-02-29",
    ]);
  });

  test("the 31st comes in months that have one", () => {
    expect(slots("0 0 31 * *", "UTC", "2026-01-31T12:00:00Z", 2).map((at) => at.slice(0, 10))).toEqual([
      "2026-03-31",
      "2026-05-31",
    ]);
  });

  test("a day that a zone has left out is left out", () => {
    expect(slots("0 12 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z", 2)).toEqual([
      "2011-12-29 12:00:00 -10:00",
      "2011-12-31 12:00:00 +14:00",
    ]);
  });

  test("day of the month and day of the week are joined by 'or', as cron has it", () => {
    expect(slots("0 0 13 * 5", "UTC", "2026-03-08T00:00:00Z", 2).map((at) => at.slice(0, 10))).toEqual([
      "2026-03-13",
      "2026-03-20",
    ]);
  });
});

describe("what is refused, with a remedy", () => {
  test.each([
    ["* * * * * *", "has 6 fields"],
    ["0 0 1 1 * 2030", "has 6 fields"],
    ["0 0 1", "has 3 fields"],
    ["61 * * * *", "is not understood"],
    ["a b c d e", "is not understood"],
    ["@reboot", "no nickname"],
    ["0 0 30 2 *", "never comes"],
    ["* * * * *", "60 s apart"],
    ["0,1 3 * * *", "60 s apart"],
  ])("cron '%s' %s", (pattern, said) => {
    expect(() => cron(pattern)).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        message: expect.stringContaining(said),
        remedy: expect.stringMatching(/./),
      }),
    );
  });

  test.each(["Mars/Base", "+02:00", "", "../etc"])("the time zone '%s'", (timeZone) => {
    expect(() => cron("@daily", timeZone)).toThrow(
      expect.objectContaining({ code: "invalid_request", remedy: expect.stringContaining("Europe/Berlin") }),
    );
  });

  test("neither or both of cron and at, an instant in the past, and a jitter as long as the period", () => {
    const rest = { timeZone: "UTC", jitterSeconds: 0 };
    for (const timing of [
      rest,
      { ...rest, cron: "@daily", at: "2030-01-01T00:00:00Z" },
      { ...rest, at: "2026-01-15T12:00:00Z" },
      { ...rest, cron: "*/5 * * * *", jitterSeconds: 300 },
    ]) {
      expect(() => checkTiming(timing, NOW)).toThrow(expect.objectContaining({ code: "invalid_request" }));
    }
  });

  test("nicknames and spaces are written out", () => {
    expect(cron("@Daily").cron).toBe("0 0 * * *");
    expect(cron("  */5   *  * * *").cron).toBe("*/5 * * * *");
    expect(
      checkTiming({ at: "2030-01-31T18:00:00+01:00", timeZone: "UTC", jitterSeconds: 0 }, NOW).at,
    ).toEqual(new Date("2030-01-31T17:00:00Z"));
  });
});

describe("jitter", () => {
  test("is the same for the same slot, differs between slots and schedules, and stays within its bounds", () => {
    const slot = new Date("2026-02-01T00:00:00Z");
    expect(dueAt(ID, slot, 600)).toEqual(dueAt(ID, slot, 600));
    expect(dueAt(ID, slot, 0)).toEqual(slot);
    const moved = Array.from({ length: 500 }, (_, day) => {
      const at = new Date(slot.getTime() + day * 86_400_000);
      return (dueAt(ID, at, 600).getTime() - at.getTime()) / 1_000;
    });
    expect(Math.min(...moved)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...moved)).toBeLessThanOrEqual(600);
    expect(new Set(moved).size).toBeGreaterThan(250);
    expect(dueAt("another", slot, 21_600)).not.toEqual(dueAt(ID, slot, 21_600));
  });
});

describe("slots whose time has come", () => {
  const slot = (minutes: number) => {
    const at = new Date(NOW.getTime() - minutes * 60_000);
    return { slot: at, at };
  };

  test("one in time runs", () => {
    expect(decideDue([slot(0)], "record", NOW)).toEqual({ run: slot(0).slot, missed: [] });
    const last = { slot: NOW, at: new Date(NOW.getTime() - LATE_AFTER_MS) };
    expect(decideDue([last], "record", NOW).run).toEqual(NOW);
  });

  test("late ones are recorded, or the newest of them runs, by setting", () => {
    const due = [slot(180), slot(120), slot(60)];
    expect(decideDue(due, "record", NOW)).toEqual({ run: null, missed: due.map((one) => one.slot) });
    expect(decideDue(due, "run-once", NOW)).toEqual({
      run: slot(60).slot,
      missed: [slot(180).slot, slot(120).slot],
    });
  });

  test("one in time behind late ones runs, and the late ones are missed", () => {
    expect(decideDue([slot(60), slot(0)], "record", NOW)).toEqual({
      run: slot(0).slot,
      missed: [slot(60).slot],
    });
  });
});
