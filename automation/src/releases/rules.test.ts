import { expect, test } from "vitest";
import { decideByGates } from "./rules.ts";

const gate = (verdict: "pass" | "fail" | "inconclusive" | "error", required = true) => ({
  name: verdict,
  required,
  verdict,
  detail: "seen",
});

test("only required gates decide, and a fail decides before anything else", () => {
  expect(decideByGates([]).kind).toBe("good");
  expect(decideByGates([gate("pass"), gate("fail", false)]).kind).toBe("good");
  expect(decideByGates([gate("inconclusive"), gate("fail")]).kind).toBe("bad");
  expect(decideByGates([gate("pass"), gate("inconclusive")]).kind).toBe("undecided");
  expect(decideByGates([gate("pass"), gate("error")]).kind).toBe("undecided");
});
