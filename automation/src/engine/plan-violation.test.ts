import { describe, expect, test } from "vitest";
import { slimEvent } from "./engine-events.ts";
import { planViolationAmong, planViolationIn, withoutPlannedValues } from "./plan-violation.ts";

const URN = "urn:pulumi:dev::p::pulumi:providers:ledger::prov";
const SAID = `resource ${URN} violates plan: properties changed: ++region[{eu}!={us}], ~~token[{&{{tok-5}}}!={&{{tok,\n~~six-6}}}]\n`;

describe("a run that leaves its plan", () => {
  test("is told with the URN and the properties, and no value leaves the runner", () => {
    const clean = withoutPlannedValues(SAID, URN);
    expect(clean).not.toContain("tok-5");
    expect(clean).not.toContain("six-6");
    expect(planViolationIn(clean)).toEqual({ urn: URN, properties: ["region", "token"] });
    const event = slimEvent({ diagnosticEvent: { urn: URN, severity: "error", message: SAID } });
    expect(JSON.stringify(event)).not.toContain("tok-5");
  });

  test("is told with the URN also when the engine's words do not name it", () => {
    const message = "create is not allowed by the plan: no steps were expected for this resource";
    expect(planViolationIn(withoutPlannedValues(message, URN))).toEqual({ urn: URN, properties: [] });
    expect(planViolationIn(`expected resource operations for ${URN} but none were seen`)?.urn).toBe(URN);
  });

  test("is not what a run never came to because something else failed", () => {
    const never = `expected resource operations for ${URN} but none were seen`;
    const refused = "AccessDenied: not allowed to create it";
    expect(planViolationAmong([refused, never])).toBeNull();
    expect(planViolationAmong([never, refused])).toBeNull();
    expect(planViolationAmong([never])?.urn).toBe(URN);
    expect(planViolationAmong([never, withoutPlannedValues(SAID, URN)])?.properties).toEqual([
      "region",
      "token",
    ]);
    expect(planViolationAmong([])).toBeNull();
  });

  test("is nothing else that fails", () => {
    expect(planViolationIn("the ledger refuses to create one")).toBeNull();
    expect(withoutPlannedValues("token[x] is wrong", URN)).toBe("token[x] is wrong");
  });
});
