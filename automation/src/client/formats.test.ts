import fc from "fast-check";
import { expect, test } from "vitest";
import {
  formatAge,
  formatBytes,
  formatChanges,
  formatDuration,
  formatPlannedChanges,
  formatResourceCount,
} from "./formats.ts";

test.each([
  [0, "0 ms"],
  [840.4, "840 ms"],
  [4_240, "4.2 s"],
  [59_970, "1 min"],
  [185_000, "3 min 5 s"],
  [7_800_000, "2 h 10 min"],
  [273_600_000, "3 d 4 h"],
])("a span of %d ms is %s", (span, text) => {
  expect(formatDuration(span)).toBe(text);
});

test("no span shows 60 of a smaller unit", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 3_000_000 }), (span) => {
      expect(formatDuration(span)).not.toMatch(/\b60(\.0)? (s|min)/);
    }),
  );
});

test.each([
  ["2026-01-01T11:59:30Z", "just now"],
  ["2026-01-01T11:56:00Z", "4 min ago"],
  ["2026-01-01T03:00:00Z", "9 h ago"],
  ["2025-12-29T12:00:00Z", "3 d ago"],
  ["2025-06-01T12:00:00Z", "2025-06-01"],
])("%s is %s at noon of new year's day", (instant, text) => {
  expect(formatAge(instant, Date.parse("2026-01-01T12:00:00Z"))).toBe(text);
});

test.each([
  [512, "512 B"],
  [4_100, "4.1 kB"],
  [999_600, "1.0 MB"],
  [113_000_000, "113 MB"],
])("%d bytes are %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test("one resource is not one resources", () => {
  expect([null, 0, 1, 2].map(formatResourceCount)).toEqual([
    "all resources",
    "0 resources",
    "1 resource",
    "2 resources",
  ]);
});

test("changes are counted in words with the unchanged last", () => {
  expect(formatChanges({ same: 5, create: 2, delete: 0 })).toBe("2 created, 5 unchanged");
  expect(formatPlannedChanges({ same: 5, create: 2, replace: 1 })).toBe(
    "2 to create, 1 to replace, 5 unchanged",
  );
  expect(formatChanges({})).toBe("no resources");
});
