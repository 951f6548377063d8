import { z } from "zod";

const Port = z.coerce.number().int().min(0).max(65_535);

/** The environment of the service. Defaults suit a developer's machine; DATABASE_URL and PORT have none. */
const Environment = z.object({
  PORT: Port.describe("a port number, 0 to 65535"),
  HOST: z.string().min(1).default("127.0.0.1").describe("an address to listen on"),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//)
    .describe("a postgres:// connection string"),
  ENVIRONMENT: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,31}$/)
    .default("local")
    .describe("a name such as local, test or production"),
  EXECUTION_MODE: z
    .enum(["backtest", "paper", "live"])
    .default("backtest")
    .describe("backtest, paper or live: whose fills the system reports"),
  LOG_LEVEL: z
    .enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"])
    .default("info")
    .describe("one of trace, debug, info, warn, error, fatal, silent"),
  APP_VERSION: z.string().min(1).max(64).optional().describe("a version that overrides the built one"),
  CORS_ORIGINS: z
    .string()
    .default("loopback")
    .describe("loopback, none, or origins separated by commas, such as https://desk.example"),
  MARKET_TICK_MS: z.coerce
    .number()
    .int()
    .min(20)
    .max(60_000)
    .default(500)
    .describe("milliseconds between market data ticks, 20 to 60000"),
});

export type Config = {
  readonly port: number;
  readonly host: string;
  readonly databaseUrl: string;
  readonly environment: string;
  readonly executionMode: "backtest" | "paper" | "live";
  readonly logLevel: string;
  readonly versionOverride: string | undefined;
  readonly corsOrigins: string;
  readonly marketTickMs: number;
};

/** The environment cannot be used. The message names every wrong variable and what is expected, and shows no value. */
export class ConfigError extends Error {
  constructor(problems: readonly string[]) {
    super(`The environment is incomplete:\n${problems.map((line) => `  ${line}`).join("\n")}`);
    this.name = "ConfigError";
  }
}

/** Reads the service's settings. An empty variable counts as absent. Throws ConfigError. */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
  const parsed = Environment.safeParse(given);
  if (!parsed.success) {
    const names = new Set(parsed.error.issues.map((issue) => String(issue.path[0])));
    throw new ConfigError([...names].map((name) => describeVariable(name, name in given)));
  }
  const value = parsed.data;
  return {
    port: value.PORT,
    host: value.HOST,
    databaseUrl: value.DATABASE_URL,
    environment: value.ENVIRONMENT,
    executionMode: value.EXECUTION_MODE,
    logLevel: value.LOG_LEVEL,
    versionOverride: value.APP_VERSION,
    corsOrigins: value.CORS_ORIGINS,
    marketTickMs: value.MARKET_TICK_MS,
  };
}

function describeVariable(name: string, isPresent: boolean): string {
  const field = Object.entries(Environment.shape).find(([key]) => key === name)?.[1];
  return `${name} ${isPresent ? "must be" : "is missing; it must be"} ${field?.description ?? "set"}`;
}
