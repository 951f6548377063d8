import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AwsManifest } from "../../contract/aws/manifest.ts";
import { apiChecks } from "./api.ts";
import { type PlannedCheck, runCheck } from "./check.ts";
import type { Answer, Requester } from "./request.ts";

type Plan = (scope: {
  manifest: Pick<AwsManifest, "api" | "functions">;
  request: Requester;
}) => readonly PlannedCheck[];

const API = { id: "a1", url: "https://api.test/", stage: "$default", domain: null };
const category = fc.stringMatching(/^[a-z][a-z-]{0,12}$/);
/** Manifests of one to nine functions, with some of them unhealthy. */
const stack = fc
  .uniqueArray(category, { minLength: 1, maxLength: 9 })
  .chain((categories) =>
    fc.record({ categories: fc.constant(categories), ill: fc.subarray(categories), root: fc.boolean() }),
  );

function functionsOf(categories: readonly string[], root: boolean): AwsManifest["functions"] {
  return Object.fromEntries(
    categories.map((name) => [
      name,
      {
        name: `shop-${name}`,
        arn: "arn:aws:lambda:r:1:function:f",
        alias: "live",
        logGroup: `/aws/lambda/${name}`,
        environment: [],
        healthPath: root ? `/${name}/health` : `/api/${name}/health`,
      },
    ]),
  );
}

/** Every function of the manifest is asked for its health once and no other, and exactly the ill ones fail. */
function coverage(plan: Plan) {
  return fc.asyncProperty(stack, async ({ categories, ill, root }) => {
    const functions = functionsOf(categories, root);
    const asked: string[] = [];
    const request: Requester = async (url) => {
      asked.push(url);
      const found = categories.find((name) => url === `https://api.test${functions[name]?.healthPath ?? ""}`);
      const isIll = found !== undefined && ill.includes(found);
      return answer(isIll ? 503 : 200, { status: isIll ? "failing" : "ok", category: found });
    };
    const signal = new AbortController().signal;
    const checks = await Promise.all(
      plan({ manifest: { api: API, functions }, request }).map((one) => runCheck("api", one, signal)),
    );
    const paths = categories.map((name) => `https://api.test${functions[name]?.healthPath ?? ""}`);
    expect(asked.toSorted()).toEqual([API.url, ...paths].toSorted());
    const failed = checks.filter((one) => one.state === "failed").map(({ check }) => check);
    expect(failed.toSorted()).toEqual(ill.map((name) => `function ${name}`).toSorted());
    for (const one of checks) expect(one.latencyMs).toBe(12);
  });
}

function answer(status: number, value: unknown): Answer {
  return { status, headers: {}, text: JSON.stringify(value), latencyMs: 12, certificate: null };
}

describe("health of the functions", () => {
  test("covers every category of a manifest and none other, whatever the manifest", async () => {
    await fc.assert(coverage(apiChecks), { numRuns: 200 });
  });

  const without =
    (dropped: (checks: readonly PlannedCheck[]) => readonly PlannedCheck[]): Plan =>
    (scope) =>
      dropped(apiChecks(scope));
  test.each<[string, Plan]>([
    ["the last category is left out", without((checks) => checks.slice(0, -1))],
    ["the gateway alone is asked", without((checks) => checks.slice(0, 1))],
    [
      "the categories are a fixed list",
      (scope) =>
        apiChecks({ ...scope, manifest: { api: API, functions: functionsOf(["templates"], false) } }),
    ],
    [
      "every answer is good enough",
      without((checks) =>
        checks.map((one) => ({
          ...one,
          look: async () => ({ ...(await one.look()), state: "passed" as const }),
        })),
      ),
    ],
    ["a category is asked twice", without((checks) => [...checks, ...checks.slice(-1)])],
  ])("is not covered when %s, and that is seen", async (_what, plan) => {
    const outcome = await fc.check(coverage(plan), { numRuns: 200, seed: 7 });
    // Found by what was expected, not by a variant that cannot even run.
    expect(outcome.errorInstance).toHaveProperty("name", "AssertionError");
  });
});
