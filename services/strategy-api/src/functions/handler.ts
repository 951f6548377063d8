import { randomUUID } from "node:crypto";
import type { FastifyInstance } from "fastify";
import type { Logger } from "pino";
import { readIdentity } from "../bundle.ts";
import { openClient, type TableKey, type Tables } from "../dynamodb/tables.ts";
import { newApplication } from "../http/application.ts";
import { createLogger } from "../logger.ts";
import { createSecretReader, openSecretsClient, type SecretReader } from "../secrets/reader.ts";
import { type FunctionConfig, readFunctionConfig } from "./config.ts";
import {
  askSecrets,
  askStores,
  type DataStore,
  FunctionHealth,
  type StoreProbe,
  statusOf,
  tableProbe,
} from "./function-health.ts";
import { answerEvent, type HttpAnswer } from "./payload.ts";

/** A category as a function: what it needs, and the routes that it serves. */
export type Category<K extends TableKey> = {
  readonly name: string;
  readonly tables: readonly K[];
  /** Slots whose values it reads. */
  readonly secrets: readonly string[];
  /** GET path of its health. */
  readonly healthPath: string;
  /** Stores beside its tables. Never rejects: what is in the way is what the probe tells. */
  readonly probes?: (given: StoreGiven) => Promise<readonly StoreProbe[]>;
  /** Stores that it says something about without asking them. */
  readonly states?: (config: FunctionConfig) => readonly DataStore[];
  readonly register: (app: FastifyInstance, given: Given<K>) => Promise<void>;
};

/** What stores beside the tables are reached with. */
export type StoreGiven = {
  readonly config: FunctionConfig;
  readonly secrets: SecretReader;
  readonly now: () => Date;
};

/** What the routes of a category are made with. */
export type Given<K extends TableKey> = StoreGiven & {
  readonly tables: Tables<K>;
  readonly identity: { readonly name: string; readonly version: string };
  readonly newId: () => string;
  readonly health: () => Promise<FunctionHealth>;
};

/** Builds the application of one category. `env` is the function's environment. */
export async function buildFunction<K extends TableKey>(
  category: Category<K>,
  env: NodeJS.ProcessEnv,
  log?: Logger,
): Promise<{ app: FastifyInstance; close: () => Promise<void> }> {
  const config = readFunctionConfig(category, env);
  const identity = readIdentity();
  const logger = log ?? createLogger(config.logLevel);
  const tables: Tables<K> = { client: openClient(), names: config.tableNames };
  const client = openSecretsClient();
  const secrets = createSecretReader({ client, arns: config.secretArns, nowMs: () => Date.now() });
  const given: StoreGiven = { config, secrets, now: () => new Date() };
  const ofTables = category.tables.map((table) => tableProbe(tables, table));

  async function askAll(): Promise<DataStore[]> {
    return askStores([...ofTables, ...((await category.probes?.(given)) ?? [])], logger);
  }

  async function health(): Promise<FunctionHealth> {
    const [asked, held] = await Promise.all([askAll(), askSecrets(secrets, logger)]);
    const dataStores = [...asked, ...(category.states?.(config) ?? [])];
    return {
      status: statusOf({ dataStores, secrets: held }),
      name: identity.name,
      category: category.name,
      version: identity.version,
      environment: config.environment,
      executionMode: config.executionMode,
      secretsEpoch: config.secretsEpoch,
      dataStores,
      secrets: held,
    };
  }

  const app = await newApplication(logger, config);
  app.get(
    category.healthPath,
    { logLevel: "warn", schema: { response: { 200: FunctionHealth, 503: FunctionHealth } } },
    async (_request, reply) => {
      const found = await health();
      return reply.status(found.status === "ok" ? 200 : 503).send(found);
    },
  );
  await category.register(app, {
    ...given,
    tables,
    identity,
    newId: randomUUID,
    health,
  });
  await app.ready();
  return {
    app,
    close: async () => {
      await app.close();
      tables.client.destroy();
      client.destroy();
    },
  };
}

/** The handler that an entry exports. The application is built once, while the process starts. */
export function createHandler<K extends TableKey>(
  category: Category<K>,
): (event: unknown) => Promise<HttpAnswer> {
  const built = buildFunction(category, process.env);
  // Without this the process would end before the first call could report why it cannot start.
  built.catch(() => undefined);
  return async (event) => answerEvent((await built).app, event);
}
