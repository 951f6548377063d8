import { describe, expect, test } from "vitest";
import { RESOURCE_TYPES } from "../../../../infra/components/aws/resource-types.ts";
import type { Kind } from "./kind.ts";
import { TRAITS } from "./traits.ts";

/** Exactly the types that the components declare with all of their options: infra/targets/aws.test.ts holds that. */
const DECLARED = Object.keys(RESOURCE_TYPES).sort();

/** Types that only a real account has, each with the reason why the stand-in cannot act on it: what declares one is first tried where it costs money. */
const ONLY_ON_AWS: Readonly<Record<string, string>> = {};

async function kindOf(type: string): Promise<Kind | undefined> {
  const service = TRAITS[type]?.service;
  if (service === undefined) return undefined;
  const loaded = (await import(`./services/${service}.ts`)) as { kinds: Readonly<Record<string, Kind>> };
  return loaded.kinds[type];
}

describe("the stand-in for the provider aws", () => {
  test("knows every type that a stack can declare with any of its options, but for those that only a real account has", async () => {
    const known = await Promise.all(DECLARED.map(async (type) => [type, await kindOf(type)] as const));
    const missing = known.filter(([, kind]) => kind === undefined).map(([type]) => type);
    expect(missing).toEqual(Object.keys(ONLY_ON_AWS).sort());
    for (const [type, reason] of Object.entries(ONLY_ON_AWS)) expect(reason, type).not.toBe("");
  });

  test("knows no type that no stack declares", () => {
    expect(Object.keys(TRAITS).filter((type) => !DECLARED.includes(type))).toEqual([]);
  });

  test("changes in place what it makes anew for no input", async () => {
    const stuck: string[] = [];
    for (const [type, inputs] of Object.entries(RESOURCE_TYPES)) {
      const kind = await kindOf(type);
      const isAnew = (input: string) => TRAITS[type]?.replacedBy.includes(input) === true;
      const inPlace = inputs.filter((input) => !isAnew(input));
      if (kind?.update === undefined && inPlace.length > 0) stuck.push(`${type}: ${inPlace.join(", ")}`);
    }
    expect(stuck).toEqual([]);
  });
});
