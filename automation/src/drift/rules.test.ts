import { describe, expect, test } from "vitest";
import { countDrift, decideDriftEnding, MOST_TRIES, sentenceOf } from "./rules.ts";

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
