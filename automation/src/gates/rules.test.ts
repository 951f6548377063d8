import fc from "fast-check";
import { expect, test } from "vitest";
import type { GateVerdict, Measurement } from "../contract/gates.ts";
import {
  addMeasurement,
  decide,
  decideSeries,
  endedEarly,
  endsAfterSeconds,
  NO_MEASUREMENTS,
} from "./rules.ts";
import type { Timing } from "./timing.ts";

const LETTERS: Record<string, GateVerdict> = { p: "pass", f: "fail", e: "error", i: "inconclusive" };
/** One measurement every ten seconds from the first on; a dot is one that was not made. */
const series = (letters: string, everySeconds = 10): Measurement[] =>
  [...letters].flatMap((letter, index) => {
    const verdict = LETTERS[letter];
    if (verdict === undefined) return [];
    return [
      {
        at: `t${index}`,
        afterSeconds: index * everySeconds,
        verdict,
        detail: `${letter}${index}`,
        value: null,
      },
    ];
  });

const BAKE: Timing = { kind: "bake", warmUpSeconds: 0, intervalSeconds: 10, bakeSeconds: 100 };
/** Series of measurements, seconds that passed of a bake of 100, and what they say; `null`: measure on. */
const BAKES: [string, number, GateVerdict | null][] = [
  // Too little, or nothing at all.
  ["", 0, null],
  ["", 100, "inconclusive"],
  ["p", 0, null],
  ["p", 100, "inconclusive"],
  ["pp", 100, "inconclusive"],
  ["i", 100, "inconclusive"],
  // A pass needs the end of the bake.
  ["ppp", 20, null],
  ["pppppppppp", 99, null],
  ["ppp", 100, "pass"],
  ["pppppppppp", 100, "pass"],
  ["fppppppppp", 100, "pass"],
  ["ffpppppppp", 100, "pass"],
  ["iiiiiiippp", 100, "pass"],
  // The last three decide whether it ended well.
  ["ppppppppip", 100, "inconclusive"],
  ["pppppppppe", 100, "inconclusive"],
  ["pppppppppf", 100, "inconclusive"],
  ["pppppppffp", 100, "inconclusive"],
  // Three fails in a row, at any time.
  ["fff", 20, "fail"],
  ["ppppppfff", 90, "fail"],
  ["ffiff", 40, null],
  ["ffefff", 50, "fail"],
  // More than three of ten.
  ["fpppfppppf", 99, null],
  ["ffppfppppf", 99, "fail"],
  ["ffpffpp", 60, null],
  ["ffppffpppp", 99, "fail"],
  // Five errors in a row; more than half of ten, or of all there will ever be.
  ["eeee", 40, null],
  ["eeeee", 40, "error"],
  ["eeeep", 40, null],
  ["eeeepeee", 70, null],
  ["eeeepeeeep", 99, "error"],
  ["eeepp", 100, "error"],
  ["eppp", 100, "pass"],
  ["eeppppiiii", 100, "inconclusive"],
  // Precedence: a fail outweighs errors, an error what has no answer and what passed.
  ["eeeeefff", 70, "fail"],
  ["fffeeeee", 70, "error"],
  ["eeeeeeppp", 100, "error"],
  ["iiiieeeee", 80, "error"],
  // Flapping: four changes within the bake, and it bakes half as long again.
  ["pfpfp", 100, null],
  ["pfpfp", 150, "fail"],
  ["pfpppfpppp.", 100, null],
  ["pfpppfppppppppp", 149, null],
  ["pfpppfppppppppp", 150, "inconclusive"],
  ["pfppppppppppppfpppppp", 150, "pass"],
  ["pfppppfpppppppi", 150, "inconclusive"],
  ["pfipf.ppi", 150, "fail"],
  ["fpfpiiiiii", 150, "inconclusive"],
  ["fpfpfiiiii", 150, "fail"],
];

test("there are forty series and more", () => expect(BAKES.length).toBeGreaterThanOrEqual(40));

test.each(BAKES)("'%s' after %i s of a bake of 100 s is %s", (letters, seconds, expected) => {
  expect(decideSeries(series(letters), BAKE, seconds)?.verdict ?? null).toBe(expected);
});

test("a bake that flaps with nine of ten passed passes at its late end, with fewer it does not", () => {
  const every5 = (letters: string) => decideSeries(series(letters, 5), BAKE, 150)?.verdict;
  expect(every5("pfpppppfpppppppppppppppppppppp")).toBe("pass");
  expect(every5("pfpppppfppppppppppppppppppppif")).toBe("inconclusive");
  expect(every5("pfpppppfpppfpppfpppppppppppppp")).toBe("inconclusive");
});

const SETTLE: Timing = {
  kind: "settle",
  warmUpSeconds: 0,
  intervalSeconds: 1,
  measurements: 3,
  maxSeconds: 60,
};
const SETTLED: [string, number, GateVerdict | null][] = [
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
  ["ee", 60, "error"],
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

test.each(SETTLED)("'%s' after %i s of settling is %s", (letters, seconds, expected) => {
  expect(decideSeries(series(letters, 1), SETTLE, seconds)?.verdict ?? null).toBe(expected);
});

test("a gate that measures once believes its first answer, and tries an error of its own twice more", () => {
  const once = (letters: string) => decideSeries(series(letters), { kind: "once" }, 0)?.verdict ?? null;
  expect(once("")).toBeNull();
  expect(once("p")).toBe("pass");
  expect(once("f")).toBe("fail");
  expect(once("i")).toBe("inconclusive");
  expect(once("e")).toBeNull();
  expect(once("ee")).toBeNull();
  expect(once("eee")).toBe("error");
  expect(once("eep")).toBe("pass");
});

test("what ended early is inconclusive, whatever was measured, and says why", () => {
  const tally = series("ppppp").reduce((sum, one) => addMeasurement(sum, one, BAKE), NO_MEASUREMENTS);
  expect(endedEarly(NO_MEASUREMENTS, "cancelled")).toEqual({
    verdict: "inconclusive",
    detail: "ended early, without a measurement: cancelled",
  });
  expect(endedEarly(tally, "cancelled")).toEqual({
    verdict: "inconclusive",
    detail: "ended early, after 5 measurements: cancelled",
  });
});

test("the verdict names what was seen", () => {
  expect(decideSeries(series("pfff"), BAKE, 40)?.detail).toBe("3 of 4 measurements failed; f3");
  expect(decideSeries(series("pppp"), BAKE, 100)?.detail).toBe("4 of 4 measurements passed within 100 s; p3");
  expect(decideSeries(series("pppi"), BAKE, 100)?.detail).toBe(
    "the last 3 did not all pass when its bake of 100 s was over; last: i3",
  );
});

const verdicts = fc.array(fc.constantFrom<GateVerdict>("pass", "fail", "inconclusive", "error"), {
  maxLength: 60,
});
const timings = fc.constantFrom<Timing>(BAKE, SETTLE);
const asSeries = (letters: readonly GateVerdict[]): Measurement[] =>
  letters.map((verdict, index) => ({ at: "", afterSeconds: index * 2, verdict, detail: "", value: null }));

test("nothing passes without three measurements, the last three passed, and before its bake is over", () => {
  fc.assert(
    fc.property(verdicts, timings, fc.nat(200), (letters, timing, seconds) => {
      const decision = decideSeries(asSeries(letters), timing, seconds);
      if (decision?.verdict !== "pass") return;
      expect(letters.slice(-3)).toEqual(["pass", "pass", "pass"]);
      if (timing.kind === "bake") expect(seconds).toBeGreaterThanOrEqual(timing.bakeSeconds);
    }),
    { numRuns: 2000 },
  );
});

test("whatever the order, three fails at the end fail, five errors at the end are never a pass, and every series ends", () => {
  fc.assert(
    fc.property(verdicts, timings, (letters, timing) => {
      const after = (more: GateVerdict[]) =>
        decideSeries(asSeries([...letters, ...more]), timing, 200)?.verdict;
      expect(after(["fail", "fail", "fail"])).toBe("fail");
      expect(["fail", "error"]).toContain(after(Array(5).fill("error")));
      expect(after([])).toBeDefined();
    }),
    { numRuns: 2000 },
  );
});

test("a measurement without an answer turns no verdict into a fail", () => {
  fc.assert(
    fc.property(verdicts, timings, fc.nat(59), (letters, timing, place) => {
      const before = decideSeries(asSeries(letters), timing, 200)?.verdict;
      if (before === "fail") return;
      const more = [...letters.slice(0, place), "inconclusive" as const, ...letters.slice(place)];
      // Times are kept: one more in the middle must not move what was within the bake.
      const times = asSeries(letters).map((one) => one.afterSeconds);
      const moved = asSeries(more).map((one, index) => ({
        ...one,
        afterSeconds: times[index > place ? index - 1 : index] ?? 0,
      }));
      // Ten measurements are judged by shares and nine are not: what fails then failed before it.
      if (more.length === 10) return;
      expect(decideSeries(moved, timing, 200)?.verdict).not.toBe("fail");
    }),
    { numRuns: 2000 },
  );
});

test("adding one measurement at a time says the same as all at once", () => {
  fc.assert(
    fc.property(verdicts, timings, fc.nat(200), (letters, timing, seconds) => {
      let tally = NO_MEASUREMENTS;
      for (const one of asSeries(letters)) tally = addMeasurement(tally, one, timing);
      expect(decide(tally, timing, seconds)).toEqual(decideSeries(asSeries(letters), timing, seconds));
      expect(endsAfterSeconds(tally, timing)).toBeLessThanOrEqual(150);
    }),
  );
});
