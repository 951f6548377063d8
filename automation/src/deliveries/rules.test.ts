import { describe, expect, test } from "vitest";
import type { DeploymentStatus } from "../contract/deployments.ts";
import { TERMINAL_STATUSES } from "../contract/deployments.ts";
import type { DeliveredStack } from "./rules.ts";
import { decideDelivery, planDelivery, stateOf, statusOf } from "./rules.ts";

const go = { paused: false, cancelled: false };

/** `good`, `bad`, `pending`, `quarantined`: its deployment succeeded with such a release. */
function stack(
  name: string,
  wave: number,
  what: DeploymentStatus | "none" | "good" | "bad" | "pending" | "quarantined" | "refused",
): DeliveredStack {
  const released = what === "good" || what === "bad" || what === "pending" || what === "quarantined";
  const none = what === "none" || what === "refused";
  return {
    stack: name,
    wave,
    deployment: none ? null : { status: released ? "succeeded" : what, failure: null },
    release: released
      ? { number: 1, health: what === "quarantined" ? "good" : what, quarantined: what === "quarantined" }
      : null,
    refusal: what === "refused" ? "no" : null,
  };
}
const decide = (stacks: DeliveredStack[], wish = go) => {
  const decision = decideDelivery(wish, stacks);
  return "stacks" in decision
    ? `${decision.kind} ${decision.stacks.map((one) => one.stack).join(" ")}`
    : decision.kind === "end"
      ? `end ${decision.outcome}`
      : decision.kind;
};

describe("a delivery", () => {
  test("begins a wave once every stack of the waves before is good, and all stacks of it at once", () => {
    const rest = [stack("b", 2, "none"), stack("c", 2, "none"), stack("d", 3, "none")];
    expect(decide([stack("a", 1, "none"), ...rest])).toBe("begin a");
    for (const status of ["queued", "running", "waiting_approval"] as const)
      expect(decide([stack("a", 1, status), ...rest])).toBe("wait");
    expect(decide([stack("a", 1, "good"), ...rest])).toBe("begin b c");
    expect(
      decide([stack("a", 1, "good"), stack("b", 2, "good"), stack("c", 2, "running"), stack("d", 3, "none")]),
    ).toBe("wait");
    expect(
      decide([stack("a", 1, "good"), stack("b", 2, "good"), stack("c", 2, "good"), stack("d", 3, "none")]),
    ).toBe("begin d");
    expect(decide([stack("a", 1, "good"), stack("b", 2, "good")])).toBe("end succeeded");
  });

  test.each([
    ...TERMINAL_STATUSES.filter((status) => status !== "succeeded"),
    "succeeded",
    "bad",
    "pending",
    "quarantined",
    "refused",
  ] as const)("begins nothing after a stack that is %s", (what) => {
    const stacks = [stack("a", 1, what), stack("b", 2, "none")];
    expect(decide(stacks)).toBe("end stopped");
    expect(statusOf(go, null, stacks).status).toBe("stopped");
    expect(stacks.map((one) => stateOf(one, true))).toEqual([
      what === "refused" ? "refused" : "not_good",
      "left_out",
    ]);
  });

  test("stops at the first stack of a wave that is not good: what has not begun is dropped, what runs may end", () => {
    const wave = (b: DeploymentStatus, c: DeploymentStatus) => [
      stack("a", 1, "failed"),
      stack("b", 1, b),
      stack("c", 1, c),
      stack("d", 2, "none"),
    ];
    expect(decide(wave("queued", "waiting_approval"))).toBe("drop b c");
    expect(decide(wave("running", "queued"))).toBe("drop c");
    expect(decide(wave("running", "cancelled"))).toBe("wait");
    expect(decide(wave("cancelled", "cancelled"))).toBe("end stopped");
  });

  test("of twenty stacks stops after the canary", () => {
    const others = Array.from({ length: 19 }, (_, index) => stack(`s${index}`, 2, "none"));
    expect(decide([stack("canary", 1, "rolled_back"), ...others])).toBe("end stopped");
  });

  test("that is paused begins nothing, and one that is cancelled ends once nothing of it runs", () => {
    const stacks = [stack("a", 1, "good"), stack("b", 2, "none")];
    expect(decide(stacks, { paused: true, cancelled: false })).toBe("wait");
    expect(statusOf({ paused: true, cancelled: false }, null, stacks).status).toBe("paused");
    expect(decide([stack("a", 1, "good")], { paused: true, cancelled: false })).toBe("end succeeded");
    expect(decide(stacks, { paused: true, cancelled: true })).toBe("end cancelled");
    expect(
      decide([stack("a", 1, "running"), stack("b", 2, "none")], { paused: false, cancelled: true }),
    ).toBe("wait");
    expect(decide([stack("a", 1, "queued"), stack("b", 2, "none")], { paused: false, cancelled: true })).toBe(
      "drop a",
    );
  });

  test("says which votes it waits for", () => {
    const stacks = [stack("a", 1, "good"), stack("b", 2, "waiting_approval")];
    expect(statusOf(go, null, stacks)).toEqual({ status: "running", detail: "Waits for approval: b." });
  });
});

describe("a plan of a delivery", () => {
  const places =
    (order: readonly string[], strict: readonly string[] = []) =>
    (name: string) => {
      const at = order.indexOf(name);
      return at < 0 ? null : { onlyPromoted: strict.includes(name), before: order[at - 1] ?? null };
    };
  const plan = (waves: string[][], from: { stack: string } | undefined, place = places([])) =>
    planDelivery({ waves, ...(from === undefined ? {} : { from }) }, place).map(
      (one) => `${one.wave} ${one.stack}<${one.from}`,
    );
  const codeOf = (work: () => unknown): unknown => {
    try {
      return work();
    } catch (error) {
      return (error as { code: string }).code;
    }
  };

  test("takes each stack's release from the stack before it in the project's order, else from the wave before", () => {
    expect(plan([["local"], ["test"], ["eu", "us"]], undefined)).toEqual([
      "1 local<null",
      "2 test<local",
      "3 eu<test",
      "3 us<test",
    ]);
    expect(plan([["eu"], ["us"]], { stack: "test" }, places(["test", "us"], ["us"]))).toEqual([
      "1 eu<test",
      "2 us<test",
    ]);
  });

  test("that would bring a stack what it does not take is refused", () => {
    const order = places(["local", "test", "production"], ["production"]);
    expect(codeOf(() => plan([["local"], ["production"]], undefined, order))).toBe("not_promoted");
    expect(codeOf(() => plan([["production"]], undefined, order))).toBe("not_promoted");
    expect(plan([["local"], ["test"], ["production"]], undefined, order)).toHaveLength(3);
  });

  test("names each stack once, and begins from the folder with one stack", () => {
    expect(codeOf(() => plan([["a"], ["a"]], undefined))).toBe("invalid_request");
    expect(codeOf(() => plan([["a", "b"]], undefined))).toBe("invalid_request");
    expect(codeOf(() => plan([["a"]], { stack: "a" }))).toBe("invalid_request");
    expect(plan([["a", "b"]], { stack: "c" })).toEqual(["1 a<c", "1 b<c"]);
  });
});
