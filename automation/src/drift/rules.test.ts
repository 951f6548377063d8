import { describe, expect, test } from "vitest";
import type { Movement } from "./rules.ts";
import {
  BIRTH_WITHIN_MS,
  countDrift,
  decideDriftEnding,
  isBirth,
  isStorm,
  isTooMuchGone,
  learnMovement,
  MOST_TRIES,
  sentenceOf,
} from "./rules.ts";

describe("what differing resources make of a stack", () => {
  test("something gone or with another input is drift", () => {
    expect(countDrift([{ class: "gone" }])).toMatchObject({ status: "drifted", gone: 1 });
    expect(countDrift([{ class: "input-changed" }, { class: "output-only" }])).toEqual({
      status: "drifted",
      gone: 0,
      inputChanged: 1,
      outputOnly: 1,
    });
  });

  test("what only the provider reports is counted, and is no drift", () => {
    const counts = countDrift([{ class: "output-only" }, { class: "output-only" }]);
    expect(counts).toMatchObject({ status: "clean", outputOnly: 2 });
    expect(sentenceOf(counts)).toBe("2 with other outputs only");
    expect(sentenceOf(countDrift([]))).toBe("nothing differs from the state");
  });
});

describe("so much gone that nobody should believe it", () => {
  test.each([
    [1, 1, false],
    [2, 2, false],
    [2, 4, false],
    [3, 3, true],
    [3, 14, true],
    [3, 15, false],
    [20, 100, false],
    [21, 100, true],
  ])("%i of %i: %s", (gone, of, tooMuch) => {
    expect(isTooMuchGone(gone, of)).toBe(tooMuch);
  });
});

test("a birth check counts as one for an hour after the update, and no other check does", () => {
  expect(isBirth("birth", BIRTH_WITHIN_MS)).toBe(true);
  expect(isBirth("birth", BIRTH_WITHIN_MS + 1)).toBe(false);
  expect(isBirth("whole", 0)).toBe(false);
  expect(isBirth("second-read", 0)).toBe(false);
});

test("more than twenty alerts at once are a storm", () => {
  expect([isStorm(20), isStorm(21)]).toEqual([false, true]);
});

describe("an output that moves", () => {
  const seen = (values: readonly (readonly [state: number, value: string])[]): Movement | undefined =>
    values.reduce<Movement | undefined>(
      (before, [state, value]) => learnMovement(before, { state, value }),
      undefined,
    );

  test("in three checks without an operation is learned", () => {
    expect(
      seen([
        [1, "a"],
        [1, "b"],
      ]),
    ).toMatchObject({ moves: 2, learned: false });
    expect(
      seen([
        [1, "a"],
        [1, "b"],
        [1, "c"],
      ]),
    ).toMatchObject({ moves: 3, learned: true });
  });
  test("once, and stays there, is never learned", () => {
    expect(
      seen([
        [1, "a"],
        [1, "a"],
        [1, "a"],
        [1, "a"],
      ]),
    ).toMatchObject({ moves: 1, learned: false });
  });
  test("is counted anew after an operation, and stays learned once it is", () => {
    expect(
      seen([
        [1, "a"],
        [1, "b"],
        [2, "c"],
      ]),
    ).toMatchObject({ moves: 1, learned: false });
    expect(
      seen([
        [1, "a"],
        [1, "b"],
        [1, "c"],
        [2, "c"],
      ]),
    ).toMatchObject({ learned: true });
  });
});

describe("the end of a check", () => {
  test.each([
    [{ moved: false, failed: false, attempt: 1 }, "record"],
    [{ moved: false, failed: true, attempt: 1 }, "fail"],
    [{ moved: true, failed: false, attempt: 1 }, "yield"],
    [{ moved: true, failed: true, attempt: MOST_TRIES - 1 }, "yield"],
    [{ moved: true, failed: false, attempt: MOST_TRIES }, "give-up"],
    [{ moved: true, failed: true, attempt: MOST_TRIES }, "give-up"],
  ] as const)("of %o is to %s", (check, ending) => {
    expect(decideDriftEnding(check)).toBe(ending);
  });
});
