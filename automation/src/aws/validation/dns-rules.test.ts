import { describe, expect, test } from "vitest";
import {
  judgeDelegation,
  judgeMapping,
  judgeRecord,
  judgeResolution,
  judgeZone,
  type NamedRecord,
} from "./dns-rules.ts";

const alias = (type: string, aliasTo: string): NamedRecord => ({
  name: "app.test.",
  type,
  aliasTo,
  values: [],
});
const plain = (type: string, ...values: string[]): NamedRecord => ({
  name: "app.test.",
  type,
  aliasTo: null,
  values,
});
const TARGET = "d1.cloudfront.net";

describe("where a name leads", () => {
  test.each<[string, readonly NamedRecord[], string, string]>([
    ["aliases of both kinds", [alias("A", `${TARGET}.`), alias("AAAA", TARGET)], "passed", "A and AAAA lead"],
    ["a CNAME", [plain("CNAME", "D1.CloudFront.net.")], "passed", "CNAME lead"],
    ["no record", [], "failed", "no A, AAAA or CNAME"],
    ["a record of another name", [{ ...alias("A", TARGET), name: "www.app.test." }], "failed", "no A, AAAA"],
    ["a text alone", [plain("TXT", "x")], "failed", "no A, AAAA"],
    ["an alias elsewhere", [alias("A", "d2.cloudfront.net")], "failed", "leads to d2.cloudfront.net"],
    [
      "one of two elsewhere",
      [alias("A", TARGET), alias("AAAA", "d2.cloudfront.net")],
      "failed",
      "AAAA record",
    ],
    ["an address by hand", [plain("A", "192.0.2.1")], "failed", "is 192.0.2.1"],
    ["an empty CNAME", [plain("CNAME")], "failed", "not d1.cloudfront.net"],
    ["the newer protocol alone", [alias("AAAA", TARGET)], "failed", "no address of IPv4"],
  ])("%s", (_what, records, state, detail) => {
    const verdict = judgeRecord("app.test", TARGET, records);
    expect(verdict).toMatchObject({ state, detail: expect.stringContaining(detail) as string });
  });
});

test.each([
  [["ns-1.aws.", "ns-2.aws."], ["NS-2.aws", "ns-1.aws"], "passed"],
  [["ns-1.aws.", "ns-2.aws."], ["ns-1.aws"], "failed"],
  [["ns-1.aws."], ["ns.other"], "failed"],
  [["ns-1.aws."], [], "failed"],
])("a zone whose name servers are %j, where the world asks %j, is %s", (given, resolved, state) => {
  expect(judgeDelegation(given, resolved).state).toBe(state);
});

test("a zone must be called as the manifest says", () => {
  expect(judgeZone("app.test", "App.test.").state).toBe("passed");
  expect(judgeZone("app.test", "app.example.")).toMatchObject({ state: "failed" });
});

test("a name without addresses fails, and other addresses than the target's are said", () => {
  expect(judgeResolution("app.test", [], ["192.0.2.1"]).state).toBe("failed");
  expect(judgeResolution("app.test", ["192.0.2.1"], ["192.0.2.1"]).detail).toContain("its target's too");
  expect(judgeResolution("app.test", ["192.0.2.9"], ["192.0.2.1"])).toMatchObject({
    state: "passed",
    detail: "192.0.2.9, at this moment none of its target's",
  });
});

test.each([
  [[{ apiId: "a1", stage: "$default" }], "passed"],
  [[{ apiId: "a1", stage: "old" }], "failed"],
  [[{ apiId: "a2", stage: "$default" }], "failed"],
  [[], "failed"],
])("a domain with the mappings %j is %s for API a1", (mappings, state) => {
  expect(judgeMapping({ id: "a1", stage: "$default" }, mappings).state).toBe(state);
});
