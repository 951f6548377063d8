import pulumi from "@pulumi/pulumi";
import type {
  FunctionCategory,
  SlotName,
  StackParts,
} from "../../../automation/src/contract/aws/function-environment.ts";
import {
  CACHE_ENDPOINT,
  COMMON_VARIABLES,
  FUNCTIONS,
  SECRETS_EPOCH,
  secretsOf,
  secretVariable,
  TIME_SERIES_VARIABLES,
  tableKeys,
  tableVariable,
} from "../../../automation/src/contract/aws/function-environment.ts";
import type { DataStores } from "./data-stores.ts";
import type { SecretSlots } from "./secret-slots.ts";

/** What functions are told that is no resource. */
export interface FunctionSettings {
  environment: string;
  executionMode: "paper" | "live";
  logLevel: string;
  /** Of the secrets that were put last. */
  secretsEpoch: string;
  /** Of the user interface. */
  allowedOrigin: pulumi.Input<string>;
}

type Variables = Record<string, pulumi.Input<string>>;

/** Which optional parts the stack has, as far as variables depend on them. */
export function partsOf(stores: DataStores): StackParts {
  return { cache: stores.cache !== null, timeSeries: stores.timeSeries.kind };
}

/** The variables of a function: those that `variablesOf` of the contract names. */
export function functionVariables(
  category: FunctionCategory,
  given: { settings: FunctionSettings; stores: DataStores; secrets: SecretSlots<SlotName> },
): Variables {
  const { settings, stores, secrets } = given;
  const spec = FUNCTIONS[category];
  const slots = secretsOf(category, partsOf(stores));
  return {
    [COMMON_VARIABLES.environment]: settings.environment,
    [COMMON_VARIABLES.executionMode]: settings.executionMode,
    [COMMON_VARIABLES.logLevel]: settings.logLevel,
    [COMMON_VARIABLES.allowedOrigins]: settings.allowedOrigin,
    ...Object.fromEntries(tableKeys(spec.tables).map((key) => [tableVariable(key), stores.tables[key].name])),
    ...Object.fromEntries(slots.map((slot) => [secretVariable(slot), secrets.arnOf(slot)])),
    ...(slots.length === 0 ? {} : { [SECRETS_EPOCH]: settings.secretsEpoch }),
    ...(spec.usesCache && stores.cache !== null
      ? { [CACHE_ENDPOINT]: pulumi.interpolate`${stores.cache.endpoint}:${stores.cache.port}` }
      : {}),
    ...(spec.usesTimeSeries ? timeSeriesVariables(stores) : {}),
  };
}

function timeSeriesVariables({ timeSeries }: DataStores): Variables {
  const { kind, database, table, endpoint, organization, bucket } = TIME_SERIES_VARIABLES;
  switch (timeSeries.kind) {
    case "none":
      return { [kind]: timeSeries.kind };
    case "liveanalytics":
      return { [kind]: timeSeries.kind, [database]: timeSeries.database, [table]: timeSeries.table };
    case "influxdb":
      return {
        [kind]: timeSeries.kind,
        [endpoint]: timeSeries.endpoint,
        [organization]: timeSeries.organization,
        [bucket]: timeSeries.bucket,
      };
  }
}
