import { expect, test } from "vitest";
import type { Measurement, Verdict } from "./rules.ts";
import { decideOnce, decideSeries } from "./rules.ts";

const LETTERS: Record<string, Verdict> = { p: "pass", f: "fail", e: "error", i: "inconclusive" };
const series = (letters: string): Measurement[] =>
  [...letters].map((letter, index) => ({
    at: `t${index}`,
    verdict: LETTERS[letter] ?? "error",
    detail: `${letter}${index}`,
  }));
const INTERVAL = { measurements: 3, maxSeconds: 60 };

/** Series of measurements, seconds that passed, and what they say; `null`: measure on. */
const TABLE: [string, number, Verdict | null][] = [
  ["", 0, null],
  ["", 60, "inconclusive"],
  ["p", 1, null],
  ["pp", 2, null],
  ["ppp", 3, "pass"],
  ["fppp", 4, "pass"],
  ["ffppp", 5, "pass"],
  ["f", 1, null],
  ["ff", 2, null],
  ["fff", 3, "fail"],
  ["ppfff", 5, "fail"],
  ["fpf", 3, null],
  ["pfpf", 4, null],
  ["pfpf", 60, "inconclusive"],
  ["pp", 60, "inconclusive"],
  ["ff", 60, "inconclusive"],
  ["ppfppfppf", 9, null],
  ["ppfppfppfp", 10, null],
  ["ppfppfppffp", 11, "fail"],
  ["fpfpfpfpfp", 10, "fail"],
  ["e", 1, null],
  ["eeee", 4, null],
  ["eeeee", 5, "error"],
  ["eeppp", 5, "pass"],
  ["eeepp", 5, null],
  ["epepepepee", 10, "error"],
  ["ii", 2, null],
  ["iii", 3, null],
  ["iiippp", 6, "pass"],
  ["iii", 60, "inconclusive"],
  ["fffeeeee", 8, "error"],
  ["eeeeefff", 8, "fail"],
  ["ppi", 3, null],
  ["pipp", 4, null],
  ["pippp", 5, "pass"],
];

test.each(TABLE)("%s after %i s is %s", (letters, seconds, expected) => {
  expect(decideSeries(series(letters), INTERVAL, seconds)?.verdict ?? null).toBe(expected);
});

test("a fail outweighs an error, an error outweighs everything but a fail", () => {
  expect(decideSeries(series("fffffeeeee"), INTERVAL, 10)?.verdict).toBe("fail");
  expect(decideSeries(series("eeeeeeppp"), INTERVAL, 9)?.verdict).toBe("pass");
  expect(decideSeries(series("eeeeeeeppp"), INTERVAL, 10)?.verdict).toBe("error");
});

test("a gate that measures once believes its first answer, and tries an error of its own twice more", () => {
  expect(decideOnce([])).toBeNull();
  expect(decideOnce(series("p"))?.verdict).toBe("pass");
  expect(decideOnce(series("f"))?.verdict).toBe("fail");
  expect(decideOnce(series("e"))).toBeNull();
  expect(decideOnce(series("ee"))).toBeNull();
  expect(decideOnce(series("eee"))?.verdict).toBe("error");
  expect(decideOnce(series("eep"))?.verdict).toBe("pass");
});

test("the verdict names what was seen", () => {
  expect(decideSeries(series("pfff"), INTERVAL, 4)?.detail).toBe("3 of 4 measurements failed; f3");
});
