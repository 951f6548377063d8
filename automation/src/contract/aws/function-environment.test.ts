import { expect, it } from "vitest";
import { TABLE_KEYS } from "../../../../services/strategy-api/src/dynamodb/tables.ts";
import { AWS_CATEGORIES } from "../../../../services/strategy-api/src/functions/all.ts";
import { readFunctionConfig } from "../../../../services/strategy-api/src/functions/config.ts";
import { FUNCTION_CATEGORIES, FUNCTIONS, variablesOf } from "./function-environment.ts";
import { TABLES } from "./tables.ts";

const PARTS = [
  { cache: false, timeSeries: "none" },
  { cache: true, timeSeries: "liveanalytics" },
  { cache: true, timeSeries: "influxdb" },
] as const;

it("the sample has the functions and tables that the contract names", () => {
  expect(Object.keys(AWS_CATEGORIES).sort()).toEqual([...FUNCTION_CATEGORIES].sort());
  expect([...TABLE_KEYS].sort()).toEqual(Object.keys(TABLES).sort());
});

it.each(FUNCTION_CATEGORIES)(
  "%s needs what the contract gives it, and is asked where it answers",
  (category) => {
    const { name, tables, secrets, healthPath } = AWS_CATEGORIES[category];
    const given = FUNCTIONS[category];
    expect({ name, healthPath, tables: [...tables].sort(), secrets: [...secrets].sort() }).toEqual({
      name: category,
      healthPath: given.healthPath,
      tables: Object.keys(given.tables).sort(),
      secrets: [...given.secrets].sort(),
    });
  },
);

it.each(FUNCTION_CATEGORIES.flatMap((category) => PARTS.map((parts) => [category, parts] as const)))(
  "%s starts with the variables that the contract gives it (%o), and with one less only if that one may be left out",
  (category, parts) => {
    const value = (name: string) =>
      ({
        EXECUTION_MODE: "paper",
        LOG_LEVEL: "info",
        CACHE_ENDPOINT: "cache.example:6379",
        TIME_SERIES_KIND: parts.timeSeries,
        TIME_SERIES_ENDPOINT: "series.example:8086",
        TIME_SERIES_BUCKET: "ticks",
      })[name] ?? "value";
    const env = Object.fromEntries(variablesOf(category, parts).map((name) => [name, value(name)]));
    const read = (given: Record<string, string>) => readFunctionConfig(AWS_CATEGORIES[category], given);
    expect(() => read(env)).not.toThrow();
    const optional = /^(SECRETS_EPOCH|CACHE_ENDPOINT|TIME_SERIES_(KIND|DATABASE|TABLE))$/;
    for (const name of Object.keys(env).filter((one) => !optional.test(one))) {
      const { [name]: _, ...rest } = env;
      expect(() => read(rest), name).toThrow(`${name} is missing`);
    }
  },
);
