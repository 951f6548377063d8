import { expect, it } from "vitest";
import { readinessChecks, venueCheck } from "./readiness.ts";

it("the venue takes orders only in a protocol that it accepts", () => {
  expect(venueCheck(3, [3, 4])).toMatchObject({ name: "execution-venue", passed: true });
  expect(venueCheck(2, [3, 4])).toMatchObject({
    passed: false,
    detail: "The venue refuses order protocol 2; it accepts 3 and 4.",
  });
});

it("readiness asks the venue and names the execution mode", () => {
  const checks = readinessChecks("paper");
  expect(checks.map((check) => check.name)).toEqual(["execution-venue", "execution-mode"]);
  expect(checks[1]?.detail).toContain("paper");
});
