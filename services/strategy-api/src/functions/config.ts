import { z } from "zod";
import { ConfigError } from "../config.ts";
import type { TableKey } from "../dynamodb/tables.ts";

const PLAIN_NAME = /^[\w-]{1,64}$/;

const Environment = z.object({
  ENVIRONMENT: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
  EXECUTION_MODE: z.enum(["backtest", "paper", "live"]),
  LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]),
  ALLOWED_ORIGINS: z.string().min(1),
  SECRETS_EPOCH: z.string().optional(),
  CACHE_ENDPOINT: z
    .string()
    .regex(/^[^:]+:\d+$/)
    .optional(),
  TIME_SERIES_ENDPOINT: z
    .string()
    .regex(/^[^:]+:\d+$/)
    .optional(),
  TIME_SERIES_ORGANIZATION: z.string().regex(PLAIN_NAME).optional(),
  // It becomes part of queries.
  TIME_SERIES_BUCKET: z.string().regex(PLAIN_NAME).optional(),
  TIME_SERIES_KIND: z.enum(["none", "liveanalytics", "influxdb"]).default("none"),
});

export type TimeSeriesConfig =
  | { readonly kind: "none" }
  | { readonly kind: "liveanalytics" }
  /** `endpoint` is host:port (TLS); the token is in the slot INFLUX_SLOT. */
  | {
      readonly kind: "influxdb";
      readonly endpoint: string;
      readonly organization: string;
      readonly bucket: string;
    };

/** Slot of the token by which InfluxDB is asked. */
export const INFLUX_SLOT = "influxdb";

export type FunctionConfig = {
  readonly environment: string;
  readonly executionMode: "backtest" | "paper" | "live";
  readonly logLevel: string;
  readonly corsOrigins: string;
  readonly secretsEpoch: string | null;
  /** host:port. */
  readonly cacheEndpoint: string | undefined;
  readonly timeSeries: TimeSeriesConfig;
  /** Of exactly the tables that were asked for. */
  readonly tableNames: Readonly<Record<string, string>>;
  /** By slot. */
  readonly secretArns: Readonly<Record<string, string>>;
};

/** TABLE_RISK_PROFILES, SECRET_ARN_BINANCE. */
function variable(prefix: string, name: string): string {
  return `${prefix}_${name.toUpperCase().replaceAll("-", "_")}`;
}

/** Reads what a function is given. Throws ConfigError, which names every wrong variable and shows no value. */
export function readFunctionConfig(
  needs: { readonly tables: readonly TableKey[]; readonly secrets: readonly string[] },
  env: NodeJS.ProcessEnv = process.env,
): FunctionConfig {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
  const parsed = Environment.safeParse(given);
  const problems = parsed.success
    ? []
    : [...new Set(parsed.error.issues.map((issue) => String(issue.path[0])))].map((name) =>
        name in given ? `${name} cannot be used` : `${name} is missing`,
      );
  const named = (prefix: string, names: readonly string[]): Record<string, string> => {
    const entries = names.map((name) => [name, given[variable(prefix, name)] ?? ""] as const);
    for (const [name, value] of entries)
      if (value === "") problems.push(`${variable(prefix, name)} is missing`);
    return Object.fromEntries(entries);
  };
  const tableNames = named("TABLE", needs.tables);
  const hasInflux = given.TIME_SERIES_KIND === "influxdb";
  const secretArns = named("SECRET_ARN", [...needs.secrets, ...(hasInflux ? [INFLUX_SLOT] : [])]);
  named("TIME_SERIES", hasInflux ? ["endpoint", "organization", "bucket"] : []);
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);
  const value = parsed.data;
  return {
    environment: value.ENVIRONMENT,
    executionMode: value.EXECUTION_MODE,
    logLevel: value.LOG_LEVEL,
    corsOrigins: value.ALLOWED_ORIGINS,
    secretsEpoch: value.SECRETS_EPOCH ?? null,
    cacheEndpoint: value.CACHE_ENDPOINT,
    timeSeries: timeSeriesOf(value),
    tableNames,
    secretArns,
  };
}

function timeSeriesOf(value: z.output<typeof Environment>): TimeSeriesConfig {
  const { TIME_SERIES_ENDPOINT: endpoint = "" } = value;
  const { TIME_SERIES_ORGANIZATION: organization = "", TIME_SERIES_BUCKET: bucket = "" } = value;
  if (value.TIME_SERIES_KIND !== "influxdb") return { kind: value.TIME_SERIES_KIND };
  return { kind: value.TIME_SERIES_KIND, endpoint, organization, bucket };
}
