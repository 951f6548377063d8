import { SECRET_SLOTS } from "./secret-slots.ts";
import type { TableAccess, TableKey } from "./tables.ts";

/** The sample's functions: each is a folder of the artifact, a function in AWS and a part of the API. */
export const FUNCTION_CATEGORIES = [
  "templates",
  "strategies",
  "risk-profiles",
  "backtests",
  "market-data",
  "audit",
  "health",
] as const;
export type FunctionCategory = (typeof FUNCTION_CATEGORIES)[number];

export type SlotName = (typeof SECRET_SLOTS)[number]["name"];

export interface FunctionSpec {
  /** Paths of the API that it answers, any method, as an HTTP API writes them: the route's key is `ANY <path>`. */
  paths: readonly `/${string}`[];
  /** GET answers 200 when the function and what it needs work, else 503: version, data stores with latency, version ids of secrets. */
  healthPath: `/${string}`;
  tables: Readonly<Partial<Record<TableKey, TableAccess>>>;
  /** Whose values it may read, whatever the stack has; `secretsOf` adds those of data stores. */
  secrets: readonly SlotName[];
  /** Whether it asks the cache if it answers, and whether it asks or uses the time series; then it must reach them by network. */
  usesCache: boolean;
  usesTimeSeries: boolean;
}

const slotsOf = (kind: "exchange" | "ai"): SlotName[] =>
  SECRET_SLOTS.filter((slot) => slot.kind === kind).map((slot) => slot.name);

function below(category: string): Pick<FunctionSpec, "paths" | "healthPath"> {
  return {
    paths: [`/api/${category}`, `/api/${category}/{proxy+}`],
    healthPath: `/api/${category}/health`,
  };
}

const NOTHING_ELSE = { secrets: [], usesCache: false, usesTimeSeries: false } as const;

/** What each function answers and needs; permissions, variables and checks are made from it. */
export const FUNCTIONS: Readonly<Record<FunctionCategory, FunctionSpec>> = {
  templates: { ...below("templates"), ...NOTHING_ELSE, tables: { templates: "write", audit: "append" } },
  strategies: {
    ...below("strategies"),
    ...NOTHING_ELSE,
    tables: { strategies: "write", templates: "write", audit: "append" },
    secrets: slotsOf("ai"),
  },
  "risk-profiles": {
    ...below("risk-profiles"),
    ...NOTHING_ELSE,
    tables: { "risk-profiles": "write", audit: "append" },
  },
  backtests: {
    ...below("backtests"),
    ...NOTHING_ELSE,
    tables: {
      backtests: "write",
      strategies: "read",
      "risk-profiles": "read",
      templates: "read",
      audit: "append",
    },
  },
  "market-data": {
    ...below("market-data"),
    tables: {},
    secrets: slotsOf("exchange"),
    usesCache: false,
    usesTimeSeries: true,
  },
  audit: { ...below("audit"), ...NOTHING_ELSE, tables: { audit: "read" } },
  health: {
    paths: ["/api/about", "/api/health", "/api/health/{proxy+}", "/health", "/health/{proxy+}", "/healthz"],
    healthPath: "/api/health",
    tables: {
      templates: "read",
      strategies: "read",
      "risk-profiles": "read",
      backtests: "read",
      audit: "read",
    },
    secrets: [],
    usesCache: true,
    usesTimeSeries: true,
  },
};

/** Name of the variable that holds a table's name: TABLE_RISK_PROFILES. */
export function tableVariable(table: TableKey): string {
  return `TABLE_${table.toUpperCase().replaceAll("-", "_")}`;
}

/** Name of the variable that holds the ARN of a slot's secret: SECRET_ARN_BINANCE. */
export function secretVariable(slot: SlotName): string {
  return `SECRET_ARN_${slot.toUpperCase().replaceAll("-", "_")}`;
}

/** Variables of every function. The version is none of them: it comes with the package (version.json), so that a release changes no configuration. */
export const COMMON_VARIABLES = {
  /** Name of the environment, such as test: a lower-case word. */
  environment: "ENVIRONMENT",
  /** backtest, paper or live. */
  executionMode: "EXECUTION_MODE",
  /** trace, debug, info, warn, error, fatal or silent. */
  logLevel: "LOG_LEVEL",
  /** Origins whose pages may call the API, separated by commas; `none` for no page. */
  allowedOrigins: "ALLOWED_ORIGINS",
} as const;

/** Any text, given to functions that read secrets. Another value makes a new version of the function, which reads the secrets anew. */
export const SECRETS_EPOCH = "SECRETS_EPOCH";

/** host:port of the cache (TLS); set when the stack has one. */
export const CACHE_ENDPOINT = "CACHE_ENDPOINT";

/** `kind` is none, liveanalytics or influxdb. */
export const TIME_SERIES_VARIABLES = {
  kind: "TIME_SERIES_KIND",
  /** With liveanalytics. */
  database: "TIME_SERIES_DATABASE",
  table: "TIME_SERIES_TABLE",
  /** host:port (TLS), with influxdb. */
  endpoint: "TIME_SERIES_ENDPOINT",
  organization: "TIME_SERIES_ORGANIZATION",
  bucket: "TIME_SERIES_BUCKET",
} as const;

/** Slot of the token by which functions write to and read from InfluxDB. */
export const INFLUX_SLOT = "influxdb" satisfies SlotName;

export type TimeSeriesKind = "none" | "liveanalytics" | "influxdb";

/** What a stack has, as far as it decides which variables there are. */
export interface StackParts {
  cache: boolean;
  timeSeries: TimeSeriesKind;
}

/** Names of all variables of a function, sorted: what the program sets, and what is checked before a version serves. */
export function variablesOf(category: FunctionCategory, has: StackParts): string[] {
  const { tables, usesCache, usesTimeSeries } = FUNCTIONS[category];
  const secrets = secretsOf(category, has);
  return [
    ...Object.values(COMMON_VARIABLES),
    ...tableKeys(tables).map(tableVariable),
    ...secrets.map(secretVariable),
    ...(secrets.length > 0 ? [SECRETS_EPOCH] : []),
    ...(usesCache && has.cache ? [CACHE_ENDPOINT] : []),
    ...(usesTimeSeries ? timeSeriesVariables(has.timeSeries) : []),
  ].sort();
}

/** Slots that a function may read in a stack. */
export function secretsOf(category: FunctionCategory, has: Pick<StackParts, "timeSeries">): SlotName[] {
  const { secrets, usesTimeSeries } = FUNCTIONS[category];
  return usesTimeSeries && has.timeSeries === "influxdb" ? [...secrets, INFLUX_SLOT] : [...secrets];
}

/** Tables that a function is given. */
export function tableKeys(tables: FunctionSpec["tables"]): TableKey[] {
  return Object.keys(tables) as TableKey[];
}

function timeSeriesVariables(kind: TimeSeriesKind): string[] {
  const { kind: name, database, table, endpoint, organization, bucket } = TIME_SERIES_VARIABLES;
  switch (kind) {
    case "none":
      return [name];
    case "liveanalytics":
      return [name, database, table];
    case "influxdb":
      return [name, endpoint, organization, bucket];
  }
}
