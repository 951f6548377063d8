import path from "node:path";
import { z } from "zod";
import type { DiskMinimum } from "./disk/rules.ts";
import { parseDiskMinimum } from "./disk/rules.ts";
import { SlipwayError } from "./errors.ts";
import type { TracingSettings } from "./monitoring/tracing.ts";
import { usualEngineEndpoint } from "./monitoring/tracing.ts";
import type { NotificationConfig } from "./notifications/config.ts";
import { notificationConfigOf, notificationVariables } from "./notifications/config.ts";
import type { KeySettings } from "./secrets/key-settings.ts";
import { defaultKeySettings, KEY_EXPECTED, parseKeyChoice } from "./secrets/key-settings.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

const REPOSITORY = path.resolve(import.meta.dirname, "../..");

const absolute = (name: string) =>
  z.string(`${name}: a path`).transform((value) => path.resolve(REPOSITORY, value));
const postgresUrl = (name: string) =>
  z
    .string(`${name}: a connection string, postgres://user:password@host:port/database`)
    .regex(/^postgres(ql)?:\/\//, `${name}: must start with postgres://`);

/** What every process reads. */
const common = {
  /** The repository that Slipway runs from. */
  SLIPWAY_ROOT: absolute("SLIPWAY_ROOT").default(REPOSITORY),
  SLIPWAY_DATA_DIR: absolute("SLIPWAY_DATA_DIR").optional(),
  SLIPWAY_LOG_LEVEL: z
    .enum(["trace", "debug", "info", "warn", "error"], "SLIPWAY_LOG_LEVEL: trace, debug, info, warn or error")
    .default("info"),
};
const listen = {
  SLIPWAY_HOST: z.string().min(1, "SLIPWAY_HOST: a host name or address").default("127.0.0.1"),
  SLIPWAY_PORT: z.coerce
    .number("SLIPWAY_PORT: a number")
    .int("SLIPWAY_PORT: a whole number")
    .min(0, "SLIPWAY_PORT: 0 to 65535")
    .max(65535, "SLIPWAY_PORT: 0 to 65535")
    .default(7420),
};
/** What processes that open secrets read. */
const keys = {
  SLIPWAY_KEY: z
    .string()
    .refine(
      (text) => parseKeyChoice(text, { root: REPOSITORY, defaultFile: "" }) !== undefined,
      `SLIPWAY_KEY: ${KEY_EXPECTED}`,
    )
    .default("file"),
  SLIPWAY_VAULT_ADDR: z.url({ protocol: /^https?$/, error: "SLIPWAY_VAULT_ADDR: a URL" }).optional(),
  SLIPWAY_VAULT_NAMESPACE: z.string().optional(),
  SLIPWAY_VAULT_TOKEN_FILE: absolute("SLIPWAY_VAULT_TOKEN_FILE").optional(),
  SLIPWAY_VAULT_TOKEN: z.string().optional(),
  /** Vault's own names count too. */
  VAULT_ADDR: z.string().optional(),
  VAULT_NAMESPACE: z.string().optional(),
  VAULT_TOKEN: z.string().optional(),
};
const MS_OF_UNIT = { s: 1_000, m: 60_000, h: 3_600_000 } as const;
const LONGEST_DRAIN_MS = 24 * MS_OF_UNIT.h;
const CONCURRENCY_EXPECTED = "SLIPWAY_CONCURRENCY: a whole number from 1 to 64";
const concurrency = z.coerce
  .number(CONCURRENCY_EXPECTED)
  .int(CONCURRENCY_EXPECTED)
  .min(1, CONCURRENCY_EXPECTED)
  .max(64, CONCURRENCY_EXPECTED);
const DRAIN_EXPECTED = "SLIPWAY_DRAIN: a duration such as 90s, 30m or 2h, at most 24h";
/** A whole number of seconds, minutes or hours, as milliseconds. */
const drain = z
  .string()
  .regex(/^\d{1,6}[smh]$/, DRAIN_EXPECTED)
  .transform((text) => Number(text.slice(0, -1)) * MS_OF_UNIT[text.slice(-1) as keyof typeof MS_OF_UNIT])
  .refine((ms) => ms <= LONGEST_DRAIN_MS, DRAIN_EXPECTED);
const ENGINE_ENV_EXPECTED =
  "SLIPWAY_ENGINE_ENV: names of variables with commas between them, such as AWS_PROFILE,AWS_REGION; none of PATH, HOME, NODE_OPTIONS, and none that begins with PULUMI_, SLIPWAY_ or LD_";
/** What engines and containments are made of; another value would let them look elsewhere for programs, state or each other. */
const OWN_VARIABLE =
  /^(PATH|HOME|TMPDIR|LANG|NODE_OPTIONS|NODE_COMPILE_CACHE|GOGC|GOMEMLIMIT|TRACEPARENT|PULUMI_.*|SLIPWAY_.*|LD_.*)$/;
const engineEnv = z
  .string()
  .transform((text) =>
    text
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== ""),
  )
  .pipe(
    z.array(
      z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_]{0,99}$/, ENGINE_ENV_EXPECTED)
        .refine((name) => !OWN_VARIABLE.test(name), ENGINE_ENV_EXPECTED),
    ),
  );
const SERVER_URL_EXPECTED =
  "SLIPWAY_SERVER_URL: a URL such as http://127.0.0.1:7420, or those of several servers with commas between them";
const disk = {
  /** Space that must be free for new deployments and imports. */
  SLIPWAY_DISK_MIN: z
    .string()
    .refine((text) => parseDiskMinimum(text) !== undefined, "SLIPWAY_DISK_MIN: 512MB, 2GB or 5%")
    .optional(),
};
/** What processes that take part in traces read. */
const traces = {
  SLIPWAY_OTLP_ENDPOINT: z
    .url({ protocol: /^https?$/, error: "SLIPWAY_OTLP_ENDPOINT: a URL such as http://127.0.0.1:4318" })
    .optional(),
  SLIPWAY_OTLP_ENGINE_ENDPOINT: z
    .url({ protocol: /^grpcs?$/, error: "SLIPWAY_OTLP_ENGINE_ENDPOINT: a URL such as grpc://127.0.0.1:4317" })
    .optional(),
};
const keeperSocket = { SLIPWAY_KEEPER_SOCKET: absolute("SLIPWAY_KEEPER_SOCKET").optional() };

export interface CommonConfig {
  root: string;
  dataDir: string;
  logLevel: string;
}
export interface ListenConfig {
  host: string;
  port: number;
}
/** `npm start`. */
export interface StartConfig extends CommonConfig, ListenConfig {
  /** Undefined: the embedded Postgres is used. */
  databaseUrl: string | undefined;
  keeperDatabaseUrl: string | undefined;
  /** How long what runs may go on when everything on this machine is asked to stop. */
  drainMs: number;
  keys: KeySettings;
}
export interface ServerConfig extends CommonConfig, ListenConfig {
  databaseUrl: string;
  ownerTokenFile: string;
  /** Folders that may hold projects. */
  projectRoots: readonly string[];
  /** The built console. */
  consoleDir: string;
  keeperSocket: string | undefined;
  /** Where people reach the server when that is not where it listens (a proxy, a published port). */
  publicUrl: string | undefined;
  keys: KeySettings;
  tracing: TracingSettings;
  diskMinimum: DiskMinimum;
  notifications: NotificationConfig;
}
export interface WorkerConfig extends CommonConfig {
  /** Attempts at once; each runs a CLI, a program and its providers. */
  concurrency: number;
  databaseUrl: string;
  /** Where the engines of this worker reach the servers, each without a slash at its end; at least one. */
  serverUrls: readonly string[];
  /** Absolute path of the pulumi binary; undefined: the worker finds or obtains one. */
  pulumiPath: string | undefined;
  /** Folder of the language host's launchers, to be put on the CLI's PATH; undefined when they are beside the binary. */
  languageHostDir: string | undefined;
  /** Node 24 that runs the language host and, first on the PATH, programs and plugins. */
  engineNode: string;
  keeperSocket: string | undefined;
  /** Variables of the worker's own that engines and steps on a cloud get too: what reaches it, and as whom. */
  engineVariables: Readonly<Record<string, string>>;
  /** How long running attempts may go on after a signal before they are interrupted. */
  drainMs: number;
  keys: KeySettings;
  tracing: TracingSettings;
  diskMinimum: DiskMinimum;
}
export interface KeeperConfig extends CommonConfig {
  databaseUrl: string;
  /** Undefined: the keeper chooses one below the data folder. */
  keeperSocket: string | undefined;
}

function commonOf(parsed: {
  SLIPWAY_ROOT: string;
  SLIPWAY_DATA_DIR?: string | undefined;
  SLIPWAY_LOG_LEVEL: string;
}): CommonConfig {
  return {
    root: parsed.SLIPWAY_ROOT,
    dataDir: parsed.SLIPWAY_DATA_DIR ?? path.join(parsed.SLIPWAY_ROOT, ".slipway"),
    logLevel: parsed.SLIPWAY_LOG_LEVEL,
  };
}

function keysOf(parsed: z.infer<z.ZodObject<typeof keys>>, { dataDir }: CommonConfig): KeySettings {
  const defaults = defaultKeySettings(dataDir);
  const address = parsed.SLIPWAY_VAULT_ADDR ?? parsed.VAULT_ADDR;
  return {
    ...defaults,
    choice: parseKeyChoice(parsed.SLIPWAY_KEY, { ...defaults, root: REPOSITORY }) ?? defaults.choice,
    vault:
      address === undefined
        ? undefined
        : {
            address,
            namespace: parsed.SLIPWAY_VAULT_NAMESPACE ?? parsed.VAULT_NAMESPACE,
            tokenFile: parsed.SLIPWAY_VAULT_TOKEN_FILE,
            token: parsed.SLIPWAY_VAULT_TOKEN ?? parsed.VAULT_TOKEN,
          },
  };
}

function diskMinimumOf(text: string | undefined): DiskMinimum {
  return (text === undefined ? undefined : parseDiskMinimum(text)) ?? "usual";
}

function tracingOf(parsed: z.infer<z.ZodObject<typeof traces>>): TracingSettings {
  const endpoint = parsed.SLIPWAY_OTLP_ENDPOINT;
  return {
    endpoint,
    engineEndpoint:
      parsed.SLIPWAY_OTLP_ENGINE_ENDPOINT ??
      (endpoint === undefined ? undefined : usualEngineEndpoint(endpoint)),
  };
}

export function readStartConfig(env: Environment = process.env): StartConfig {
  const parsed = parse(env, {
    ...common,
    ...listen,
    ...keys,
    DATABASE_URL: postgresUrl("DATABASE_URL").optional(),
    SLIPWAY_KEEPER_DATABASE_URL: postgresUrl("SLIPWAY_KEEPER_DATABASE_URL").optional(),
    // A person who presses Ctrl-C waits for it.
    SLIPWAY_DRAIN: drain.default(10_000),
  });
  const base = commonOf(parsed);
  return {
    ...base,
    host: parsed.SLIPWAY_HOST,
    port: parsed.SLIPWAY_PORT,
    databaseUrl: parsed.DATABASE_URL,
    keeperDatabaseUrl: parsed.SLIPWAY_KEEPER_DATABASE_URL,
    drainMs: parsed.SLIPWAY_DRAIN,
    keys: keysOf(parsed, base),
  };
}

export function readServerConfig(env: Environment = process.env): ServerConfig {
  const parsed = parse(env, {
    ...common,
    ...listen,
    ...keeperSocket,
    ...keys,
    ...traces,
    ...disk,
    DATABASE_URL: postgresUrl("DATABASE_URL"),
    SLIPWAY_PROJECT_ROOTS: z.string().optional(),
    SLIPWAY_CONSOLE_DIR: absolute("SLIPWAY_CONSOLE_DIR").optional(),
    SLIPWAY_PUBLIC_URL: z
      .url({ protocol: /^https?$/, error: "SLIPWAY_PUBLIC_URL: a URL such as https://slipway.example" })
      .transform((value) => new URL(value).origin)
      .optional(),
    ...notificationVariables,
  });
  const base = commonOf(parsed);
  const roots = (parsed.SLIPWAY_PROJECT_ROOTS ?? "").split(path.delimiter).filter((root) => root !== "");
  return {
    ...base,
    host: parsed.SLIPWAY_HOST,
    port: parsed.SLIPWAY_PORT,
    databaseUrl: parsed.DATABASE_URL,
    ownerTokenFile: path.join(base.dataDir, "owner-token"),
    // The repository always: the first start registers it.
    projectRoots: [...new Set([base.root, ...roots.map((root) => path.resolve(base.root, root))])],
    consoleDir: parsed.SLIPWAY_CONSOLE_DIR ?? path.join(base.root, "frontend", "console", "dist"),
    keeperSocket: parsed.SLIPWAY_KEEPER_SOCKET,
    publicUrl: parsed.SLIPWAY_PUBLIC_URL,
    keys: keysOf(parsed, base),
    tracing: tracingOf(parsed),
    diskMinimum: diskMinimumOf(parsed.SLIPWAY_DISK_MIN),
    notifications: notificationConfigOf(parsed),
  };
}

export function readWorkerConfig(env: Environment = process.env): WorkerConfig {
  const parsed = parse(env, {
    ...common,
    ...keeperSocket,
    ...keys,
    ...traces,
    ...disk,
    DATABASE_URL: postgresUrl("DATABASE_URL"),
    SLIPWAY_SERVER_URL: z
      .string(SERVER_URL_EXPECTED)
      .transform((text) => text.split(",").map((url) => url.trim().replace(/\/+$/, "")))
      .pipe(z.array(z.url({ protocol: /^https?$/, error: SERVER_URL_EXPECTED })).min(1)),
    SLIPWAY_PULUMI_PATH: absolute("SLIPWAY_PULUMI_PATH").optional(),
    SLIPWAY_LANGUAGE_HOST_DIR: absolute("SLIPWAY_LANGUAGE_HOST_DIR").optional(),
    SLIPWAY_ENGINE_NODE: absolute("SLIPWAY_ENGINE_NODE").default(process.execPath),
    SLIPWAY_DRAIN: drain.default(30 * MS_OF_UNIT.m),
    SLIPWAY_CONCURRENCY: concurrency.default(2),
    SLIPWAY_ENGINE_ENV: engineEnv.default([]),
  });
  const base = commonOf(parsed);
  return {
    ...base,
    databaseUrl: parsed.DATABASE_URL,
    serverUrls: parsed.SLIPWAY_SERVER_URL,
    pulumiPath: parsed.SLIPWAY_PULUMI_PATH,
    languageHostDir: parsed.SLIPWAY_LANGUAGE_HOST_DIR,
    engineNode: parsed.SLIPWAY_ENGINE_NODE,
    keeperSocket: parsed.SLIPWAY_KEEPER_SOCKET,
    concurrency: parsed.SLIPWAY_CONCURRENCY,
    engineVariables: engineVariablesOf(parsed.SLIPWAY_ENGINE_ENV, env),
    drainMs: parsed.SLIPWAY_DRAIN,
    keys: keysOf(parsed, base),
    tracing: tracingOf(parsed),
    diskMinimum: diskMinimumOf(parsed.SLIPWAY_DISK_MIN),
  };
}

/** The values of the named variables that are set. A profile is looked for where the worker's own person has it: engines have a home of their own. */
function engineVariablesOf(names: readonly string[], env: Environment): Readonly<Record<string, string>> {
  const variables = Object.fromEntries(
    names.flatMap((name) => (env[name] === undefined || env[name] === "" ? [] : [[name, env[name]]])),
  );
  if (variables.AWS_PROFILE === undefined || env.HOME === undefined) return variables;
  const folder = path.join(env.HOME, ".aws");
  return {
    AWS_CONFIG_FILE: path.join(folder, "config"),
    AWS_SHARED_CREDENTIALS_FILE: path.join(folder, "credentials"),
    ...variables,
  };
}

export function readKeeperConfig(env: Environment = process.env): KeeperConfig {
  const parsed = parse(env, {
    ...common,
    ...keeperSocket,
    SLIPWAY_KEEPER_DATABASE_URL: postgresUrl("SLIPWAY_KEEPER_DATABASE_URL"),
  });
  const base = commonOf(parsed);
  return {
    ...base,
    databaseUrl: parsed.SLIPWAY_KEEPER_DATABASE_URL,
    keeperSocket: parsed.SLIPWAY_KEEPER_SOCKET,
  };
}

/**
 * Parses the variables of one process. Throws SlipwayError `configuration` that lists every wrong one with what is
 * expected, and shows no value: some are secrets.
 */
function parse<Shape extends z.ZodRawShape>(env: Environment, shape: Shape): z.infer<z.ZodObject<Shape>> {
  // An empty variable counts as one that is not set, as everywhere in shells and compose files.
  const given = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ""),
  );
  const result = z.object(shape).safeParse(given);
  if (result.success) return result.data;
  const wrong = result.error.issues.map(({ path: [name], message }) => {
    const text = message.startsWith(`${String(name)}:`) ? message : `${String(name)}: ${message}`;
    return given[String(name)] === undefined ? `${text} (not set)` : text;
  });
  throw new SlipwayError(
    "configuration",
    `The environment is not complete or not valid: ${wrong.join("; ")}.`,
    {
      remedy: "Set these variables and start again.",
      details: { variables: result.error.issues.map((issue) => String(issue.path[0])) },
    },
  );
}
