import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NOTIFICATION_KINDS } from "../contract/notifications.ts";
import type { RoutableNotification, Route } from "./rules.ts";
import {
  afterAttempt,
  matchesStack,
  mustPause,
  RETRY_POLICY,
  retryDelayMs,
  routeNotification,
} from "./rules.ts";

const FAILED: RoutableNotification = {
  organisation: "acme",
  kind: "deployment.failed",
  subject: "acme/shop/production",
  onlyDestination: null,
};
const ALL: Route = {
  id: "all",
  organisation: "acme",
  kinds: null,
  stacks: null,
  minSeverity: "info",
  installation: false,
};

describe("routing", () => {
  test.each<[string, Partial<RoutableNotification>, Partial<Route>, boolean]>([
    ["everything of its organisation", {}, {}, true],
    ["nothing of another one", { organisation: "other" }, {}, false],
    ["a kind that it names", {}, { kinds: ["deployment.failed"] }, true],
    ["no kind that it does not name", {}, { kinds: ["drift.found"] }, false],
    ["what is as urgent as it asks", {}, { minSeverity: "critical" }, true],
    ["nothing less urgent", { kind: "drift.found" }, { minSeverity: "critical" }, false],
    ["a stack that a pattern matches", {}, { stacks: ["desk/*", "shop/prod*"] }, true],
    ["no other stack", {}, { stacks: ["shop/test"] }, false],
    [
      "with patterns nothing that is about no stack",
      { subject: "acme/notifications" },
      { stacks: ["*/*"] },
      false,
    ],
    ["nothing of the installation", { organisation: null, kind: "disk.low" }, {}, false],
    [
      "of the installation when it asks",
      { organisation: null, kind: "disk.low" },
      { installation: true },
      true,
    ],
    ["nothing that is for another alone", { onlyDestination: "other" }, {}, false],
    [
      "what is for it alone, whatever it listens to",
      { onlyDestination: "all" },
      { kinds: ["drift.found"] },
      true,
    ],
  ])("gives a destination %s", (_what, notification, destination, expected) => {
    const found = routeNotification({ ...FAILED, ...notification }, [{ ...ALL, ...destination }]);
    expect(found).toEqual(expected ? ["all"] : []);
  });

  test("a star stands for any characters of one name, and no other character for another", () => {
    const name = fc.stringMatching(/^[ab.]{1,6}$/);
    const pattern = fc.stringMatching(/^[ab.*]{1,6}$/);
    fc.assert(
      fc.property(pattern, pattern, name, name, (left, right, project, stack) => {
        const part = (text: string) => text.replaceAll(".", "\\.").replaceAll("*", "[^/]*");
        const expected = new RegExp(`^${part(left)}/${part(right)}$`).test(`${project}/${stack}`);
        expect(matchesStack(`${left}/${right}`, `acme/${project}/${stack}`)).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });

  test("a pattern of many stars does not take long", () => {
    const started = performance.now();
    expect(matchesStack(`${"a*".repeat(100)}b/x`, `acme/${"a".repeat(100)}/x`)).toBe(false);
    expect(performance.now() - started).toBeLessThan(100);
  });
});

describe("retries", () => {
  test("come later each time, up to an hour", () => {
    const delays = [1, 2, 3, 4, 5, 6, 7, 8, 20].map((attempts) => retryDelayMs(attempts, 0));
    expect(delays).toEqual([
      5_000, 15_000, 45_000, 135_000, 405_000, 1_215_000, 3_600_000, 3_600_000, 3_600_000,
    ]);
  });

  test("are spread by chance, and never come later or much sooner for it", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (attempts, random) => {
          const [delay, longest] = [retryDelayMs(attempts, random), retryDelayMs(attempts, 0)];
          expect(delay).toBeLessThanOrEqual(longest);
          expect(delay).toBeGreaterThanOrEqual(Math.floor(longest * 0.8));
        },
      ),
    );
    expect(retryDelayMs(3, 0.9)).toBeLessThan(retryDelayMs(3, 0.1));
  });

  test("whatever chance says, every message ends: delivered, or given up before its horizon", () => {
    const random = fc.double({ min: 0, max: 0.999, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(random, { minLength: 100, maxLength: 100 }),
        fc.nat(99),
        (chances, deliveredAt) => {
          let now = 0;
          for (const [index, chance] of chances.entries()) {
            const state = { attempts: index + 1, leftMs: RETRY_POLICY.horizonMs - now };
            const outcome =
              index === deliveredAt
                ? ({ kind: "delivered" } as const)
                : ({ kind: "failed", error: "x" } as const);
            const decision = afterAttempt(state, outcome, chance);
            if (decision.status !== "pending") {
              expect(now).toBeLessThan(RETRY_POLICY.horizonMs);
              expect(index).toBeLessThan(RETRY_POLICY.maxAttempts);
              return;
            }
            now += decision.delayMs;
          }
          expect.fail("a message was tried for ever");
        },
      ),
    );
  });
});

describe("after a try", () => {
  const state = { attempts: 2, leftMs: 3_600_000 };

  test("what arrived is delivered, also after the horizon", () => {
    expect(afterAttempt({ attempts: 9, leftMs: -1 }, { kind: "delivered" }, 0)).toEqual({
      status: "delivered",
    });
  });

  test("what failed is tried again, or later when the receiver asks for it", () => {
    expect(afterAttempt(state, { kind: "failed", error: "x" }, 0)).toEqual({
      status: "pending",
      delayMs: 15_000,
    });
    const asked = { kind: "failed", error: "x", retryAfterMs: 60_000 } as const;
    expect(afterAttempt(state, asked, 0)).toEqual({ status: "pending", delayMs: 60_000 });
  });

  test("what no later try can change is given up at once", () => {
    expect(afterAttempt(state, { kind: "refused", error: "no" }, 0)).toEqual({ status: "dead", error: "no" });
  });

  test("what could only be tried after the horizon, or was tried too often, is given up", () => {
    const failed = { kind: "failed", error: "x." } as const;
    expect(afterAttempt({ attempts: 2, leftMs: 15_000 }, failed, 0)).toEqual({
      status: "dead",
      error: "x. Given up after 2 tries.",
    });
    expect(afterAttempt({ attempts: 40, leftMs: 1e9 }, failed, 0).status).toBe("dead");
  });

  test("five in a row that are given up pause a destination", () => {
    expect([1, 4, 5, 6].map(mustPause)).toEqual([false, false, true, true]);
  });
});

test("every kind has a severity and a heading", () => {
  for (const [severity, heading] of Object.values(NOTIFICATION_KINDS)) {
    expect(["info", "warning", "critical"]).toContain(severity);
    expect(heading).toMatch(/^[A-Z][^.]+$/);
  }
});
