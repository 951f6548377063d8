import { describe, expect, test } from "vitest";
import { checkOrder, checkPromote, choosePromoted, refuseItself, refuseUnpromoted } from "./rules.ts";

const release = (number: number, health: "good" | "bad" | "pending" = "good", quarantined = false) => ({
  number,
  health,
  quarantined,
});
const codeOf = (work: () => unknown): unknown => {
  try {
    work();
    return "taken";
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe("an order of stacks", () => {
  const rule = (stack: string, onlyPromoted = false) => ({ stack, onlyPromoted });

  test("names each stack once, and its first one takes no promotion", () => {
    expect(() => checkOrder([rule("local"), rule("test"), rule("production", true)])).not.toThrow();
    expect(() => checkOrder([])).not.toThrow();
    expect(() => checkOrder([rule("local", true)])).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        details: { issues: [expect.objectContaining({ path: "body.stacks.0.onlyPromoted" })] },
      }) as Error,
    );
    expect(() => checkOrder([rule("a"), rule("b"), rule("a")])).toThrow(
      expect.objectContaining({
        details: { issues: [expect.objectContaining({ path: "body.stacks.2.stack" })] },
      }) as Error,
    );
  });

  test.each([
    ["a stack without a place takes anything", null, null, "taken"],
    ["a stack without the rule takes anything", { onlyPromoted: false, before: "test" }, null, "taken"],
    ["nothing but a promotion", { onlyPromoted: true, before: "test" }, null, "not_promoted"],
    ["a promotion from the stack before", { onlyPromoted: true, before: "test" }, "test", "taken"],
    ["none that leaves a stack out", { onlyPromoted: true, before: "test" }, "local", "not_promoted"],
    ["none while the stack before is gone", { onlyPromoted: true, before: null }, "test", "not_promoted"],
  ])("decides what a stack takes: %s", (_, place, from, expected) => {
    expect(codeOf(() => refuseUnpromoted("production", place, from))).toBe(expected);
  });
});

describe("what is promoted", () => {
  test("is the newest release, since that is what runs, and never one that is not good", () => {
    expect(choosePromoted("test", [release(4), release(3)], undefined).number).toBe(4);
    expect(choosePromoted("test", [release(3)], 3).number).toBe(3);
    expect(codeOf(() => choosePromoted("test", [release(4, "pending"), release(3)], undefined))).toBe(
      "release_not_good",
    );
    expect(codeOf(() => choosePromoted("test", [release(4, "bad")], 4))).toBe("release_not_good");
    expect(codeOf(() => choosePromoted("test", [release(4, "good", true)], undefined))).toBe("quarantined");
    expect(codeOf(() => choosePromoted("test", [], undefined))).toBe("release_not_found");
    expect(codeOf(() => choosePromoted("test", [release(1)], 9))).toBe("release_not_found");
  });

  test("goes to another stack, by an update or a preview, without options that have no effect on it", () => {
    expect(codeOf(() => refuseItself("test", "test"))).toBe("invalid_request");
    expect(codeOf(() => refuseItself("test", "local"))).toBe("taken");
    const promote = { stack: "local" };
    expect(codeOf(() => checkPromote("update", promote, {}))).toBe("taken");
    expect(codeOf(() => checkPromote("preview", promote, { refresh: true }))).toBe("taken");
    expect(codeOf(() => checkPromote("update", promote, { skipTests: true }))).toBe("option_not_supported");
    expect(codeOf(() => checkPromote("update", undefined, { skipTests: true }))).toBe("taken");
    for (const operation of ["refresh", "destroy", "rollback", "detect-drift"] as const)
      expect(codeOf(() => checkPromote(operation, promote, {}))).toBe("option_not_supported");
  });
});
