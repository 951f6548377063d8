import { beforeAll, describe, expect, test } from "vitest";
import { FUNCTION_CATEGORIES, variablesOf } from "../../automation/src/contract/aws/function-environment.ts";
import { SECRET_SLOTS } from "../../automation/src/contract/aws/secret-slots.ts";
import type { Pins } from "../../automation/src/contract/aws/shipment.ts";
import { RESOURCE_TYPES } from "../components/aws/resource-types.ts";
import { inputProblems } from "../testing/check-inputs.ts";
import { type Declared, declare, type Graph } from "../testing/graph.ts";
import { type ProviderSchema, schemaOf } from "../testing/provider-schema.ts";
import { envelopesWith, leaksOf } from "../testing/secrets.ts";
import { configOf } from "../testing/stack-config.ts";

const CANARY = "canary-5f2c9e";

let schema: ProviderSchema;
let plain: Graph;
let production: Graph;
/** Everything that a config can ask for. */
let full: Graph;
let otherwise: Graph;
beforeAll(async () => {
  schema = schemaOf(Object.keys(RESOURCE_TYPES));
  const test = await configOf("test");
  plain = await declare(test);
  production = await declare(await configOf("production"));
  full = await declare(
    {
      ...(await configOf("production")),
      "strategyDesk:cache": "redis",
      "strategyDesk:cacheNodes": "2",
      "strategyDesk:timeSeries": "influxdb",
      "strategyDesk:egress": "nat",
      "strategyDesk:createZone": "true",
      "strategyDesk:permissionsBoundary": "desk-boundary",
    },
    { secrets: { "strategyDesk:influxFirstPassword": CANARY } },
  );
  otherwise = await declare({
    ...test,
    "strategyDesk:timeSeries": "liveanalytics",
    "strategyDesk:protection": "retiring",
    "strategyDesk:backupDays": "0",
  });
});

const graphs = (): Graph[] => [plain, production, full, otherwise];
const ofType = (graph: Graph, type: keyof typeof RESOURCE_TYPES): Declared[] =>
  graph.resources.filter((one) => one.type === type);
const only = (graph: Graph, type: keyof typeof RESOURCE_TYPES, name: string): Declared => {
  const [found, ...more] = ofType(graph, type).filter((one) => one.name === name);
  if (found === undefined || more.length > 0) throw new Error(`There is not one ${type} ${name}.`);
  return found;
};

describe("what is declared", () => {
  test("every input is one that the provider's types know, and every value one that AWS knows", () => {
    for (const graph of graphs()) {
      expect(graph.resources.flatMap((one) => inputProblems(one, schema))).toEqual([]);
    }
  });

  test("the list of types and inputs names what is used, and nothing that is not", () => {
    const used = graphs().flatMap(({ resources }) => resources);
    for (const [type, inputs] of Object.entries(RESOURCE_TYPES)) {
      const set = new Set(
        used.filter((one) => one.type === type).flatMap(({ inputs: given }) => Object.keys(given)),
      );
      expect({ type, unused: inputs.filter((input) => !set.has(input)) }).toEqual({ type, unused: [] });
    }
  });

  test("the same name of the same type stands once", () => {
    for (const { resources } of graphs()) {
      const names = resources.map(({ type, name }) => `${type} ${name}`);
      expect(names.length).toBe(new Set(names).size);
    }
  });
});
