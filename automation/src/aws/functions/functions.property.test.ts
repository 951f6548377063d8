import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AN_AWS_MANIFEST } from "../../../../test/helpers/aws-manifest.ts";
import { type ModelAws, makeModelAws } from "../../../../test/helpers/model-aws.ts";
import type { AwsManifest } from "../../contract/aws/manifest.ts";
import { messageOf, SlipwayError } from "../../errors.ts";
import { planParts } from "../parts.ts";
import { base64Of, packageFunction } from "./package-function.ts";
import type { PlannedFunction } from "./rules.ts";
import { findFunctions, putShippedFunctions } from "./ship-functions.ts";

const CATEGORIES = ["audit", "backtests", "health", "market-data", "strategies", "templates"] as const;
const VARIABLES = ["TABLE_AUDIT", "TABLE_TEMPLATES", "SECRET_BINANCE", "SECRETS_EPOCH", "STAGE"] as const;
const RUNS = 60;

type Ship = typeof shipAll;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "slipway-property-"));
  for (const name of CATEGORIES) {
    await mkdir(path.join(folder, "all", name), { recursive: true });
    await writeFile(path.join(folder, "all", name, "index.mjs"), `export const handler = "${name}";`);
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Ships what was built, as a deployment does. */
async function shipAll(model: ModelAws, built: readonly PlannedFunction[]): Promise<void> {
  const parent = await mkdtemp(path.join(folder, "built-"));
  for (const { name } of built) {
    await mkdir(path.join(parent, name));
    await writeFile(path.join(parent, name, "index.mjs"), `export const handler = "${name}";`);
  }
  const { manifest } = model.shipping;
  const planned = await findFunctions({ manifest, functionFolders: [parent] });
  await putFunctions(model, planned);
}

async function putFunctions(model: ModelAws, planned: readonly PlannedFunction[]): Promise<void> {
  const parts = planParts([], () => {});
  await putShippedFunctions(model.shipping, planned, { serving: {}, canary: null }, parts);
}

function manifestOf(declared: readonly string[], needed: readonly string[] = []): AwsManifest {
  const functions = Object.fromEntries(
    declared.map((name) => [
      name,
      {
        name: `shop-${name}`,
        arn: `arn:aws:lambda:eu-central-1:123456789012:function:shop-${name}`,
        alias: "live",
        logGroup: `/aws/lambda/shop-${name}`,
        environment: [...needed],
        healthPath: `/api/${name}/health`,
      },
    ]),
  );
  return { ...AN_AWS_MANIFEST, functions };
}

const builtOf = (names: readonly string[]): PlannedFunction[] =>
  names.map((name) => ({ name, folder: path.join(folder, "all", name) }));
const some = (least: number) => fc.subarray([...CATEGORIES], { minLength: least });

/** Every function of the stack serves its own new code, or nothing was touched and it is said which do not fit. */
function coverage(ship: Ship) {
  return fc.asyncProperty(some(1), some(0), fc.boolean(), async (declared, extra, areEqual) => {
    const built = areEqual ? declared : extra;
    const model = makeModelAws(manifestOf(declared), {});
    const fits = declared.length === built.length && declared.every((name) => built.includes(name));
    const failure = await ship(model, builtOf(built)).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!fits) {
      expect(failure).toMatchObject({ code: "functions_mismatch" });
      expect(model.puts).toEqual([]);
      return;
    }
    expect(failure).toBeUndefined();
    for (const name of declared) {
      const { sha256 } = await packageFunction(name, path.join(folder, "all", name));
      expect(model.serving(name)?.sha256).toBe(base64Of(sha256));
    }
  });
}

describe("every function of the stack is shipped", () => {
  test("whatever the stack declares and the build wrote", () =>
    fc.assert(coverage(shipAll), { numRuns: RUNS }));

  test.each<[string, Ship]>([
    ["forgets one function", (model, built) => putFunctions(model, built.slice(1))],
    [
      "gives a function the code of another",
      (model, built) =>
        putFunctions(
          model,
          built.map((one, index) => ({ ...one, folder: built[(index + 1) % built.length]?.folder ?? "" })),
        ),
    ],
    ["does not compare folders with functions", putFunctions],
  ])("and a variant that %s is found", async (_, variant) => {
    // Found by what was expected, not by a variant that cannot even run.
    expect((await fc.check(coverage(variant), { numRuns: 300 })).errorInstance).toHaveProperty(
      "name",
      "AssertionError",
    );
  });
});

/** What serves has every variable that the manifest lists; what lacks one serves nothing new, and only names are told. */
function environment(ship: Ship) {
  return fc.asyncProperty(
    fc.subarray([...CATEGORIES].slice(0, 3), { minLength: 1 }),
    fc.subarray([...VARIABLES]),
    fc.array(fc.subarray([...VARIABLES]), { minLength: 3, maxLength: 3 }),
    async (declared, needed, given) => {
      const variables = Object.fromEntries(
        declared.map((name, index) => [
          name,
          Object.fromEntries((given[index] ?? []).map((one) => [one, `value of ${one}`])),
        ]),
      );
      const model = makeModelAws(manifestOf(declared, needed), variables);
      const lacking = declared.filter((name) => needed.some((one) => !(one in (variables[name] ?? {}))));
      const failure = await ship(model, builtOf(declared)).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      const isNew = declared.map((name) => model.serving(name)?.sha256 !== "");
      if (lacking.length === 0) {
        expect(failure).toBeUndefined();
        expect(isNew).not.toContain(false);
        for (const name of declared) {
          expect(Object.keys(model.serving(name)?.variables ?? {})).toEqual(expect.arrayContaining(needed));
        }
        return;
      }
      expect(failure).toBeInstanceOf(SlipwayError);
      expect(messageOf(failure)).toMatch(new RegExp(`shop-(${lacking.join("|")}) lacks the variable`));
      expect(messageOf(failure)).not.toContain("value of");
      expect(isNew).not.toContain(true);
    },
  );
}

describe("what serves has its environment", () => {
  test("whatever the functions were given", () => fc.assert(environment(shipAll), { numRuns: RUNS }));

  /** Ships by a manifest that was changed on the way. */
  const by =
    (change: (needed: string[]) => string[]): Ship =>
    async (model, built) => {
      const { manifest } = model.shipping;
      const functions = Object.fromEntries(
        Object.entries(manifest.functions).map(([name, one]) => [
          name,
          { ...one, environment: change(one.environment) },
        ]),
      );
      const shipping = { ...model.shipping, manifest: { ...manifest, functions } };
      await putFunctions({ ...model, shipping }, built);
    };
  test.each<[string, Ship]>([
    ["does not look at variables", by(() => [])],
    ["looks at the first variable only", by((needed) => needed.slice(0, 1))],
    ["wants a variable that nobody listed", by((needed) => [...needed, "UNLISTED"])],
  ])("and a variant that %s is found", async (_, variant) => {
    expect((await fc.check(environment(variant), { numRuns: 300 })).errorInstance).toHaveProperty(
      "name",
      "AssertionError",
    );
  });
});
