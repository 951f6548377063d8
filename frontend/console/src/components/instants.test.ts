import { expect, test } from "vitest";
import { exactTime } from "./instants.ts";

test("an instant is told with its date, its seconds and its time zone", () => {
  const at = "2026-11-22T23:30:05.250Z";
  expect(exactTime(at, { locale: "en-GB", timeZone: "UTC" })).toBe("22 Nov 2026, 23:30:05 UTC");
  expect(exactTime(at, { locale: "en-GB", timeZone: "Asia/Kolkata" })).toBe("23 Nov 2026, 05:00:05 GMT+5:30");
});
