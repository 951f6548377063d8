import { expect, test } from "vitest";
import { isLow, minimumOf, parseDiskMinimum } from "./rules.ts";

const GIGABYTE = 1024 ** 3;

test("a minimum is bytes or a share of the disk, by default half a gigabyte and less on a small disk", () => {
  expect(parseDiskMinimum("512MB")).toEqual({ bytes: 512 * 1024 * 1024 });
  expect(parseDiskMinimum("2GB")).toEqual({ bytes: 2 * GIGABYTE });
  expect(parseDiskMinimum("5%")).toEqual({ share: 0.05 });
  for (const wrong of ["", "5", "100%", "-1MB", "1.5GB", "5 %"])
    expect(parseDiskMinimum(wrong), wrong).toBeUndefined();
  expect(minimumOf("usual", 1000 * GIGABYTE)).toBe(GIGABYTE / 2);
  expect(minimumOf("usual", 2 * GIGABYTE)).toBe(Math.floor(0.1 * GIGABYTE));
  expect(minimumOf({ share: 0.5 }, 10)).toBe(5);
});

test("a disk that was low needs a tenth more before it counts as one with space", () => {
  expect(isLow({ freeBytes: 100, minimumBytes: 100 }, false)).toBe(false);
  expect(isLow({ freeBytes: 99, minimumBytes: 100 }, false)).toBe(true);
  expect(isLow({ freeBytes: 105, minimumBytes: 100 }, true)).toBe(true);
  expect(isLow({ freeBytes: 110, minimumBytes: 100 }, true)).toBe(false);
});
