import { CreateTableCommand, type DynamoDBClient } from "@aws-sdk/client-dynamodb";
import {
  FUNCTION_CATEGORIES,
  FUNCTIONS,
  type FunctionCategory,
  secretVariable,
  tableVariable,
  variablesOf,
} from "../../automation/src/contract/aws/function-environment.ts";
import { SECRET_SLOTS } from "../../automation/src/contract/aws/secret-slots.ts";
import { TABLES, type TableKey, type TableSpec } from "../../automation/src/contract/aws/tables.ts";
import { AWS_CATEGORIES } from "../../services/strategy-api/src/functions/all.ts";
import { buildFunction } from "../../services/strategy-api/src/functions/handler.ts";
import { answerEvent } from "../../services/strategy-api/src/functions/payload.ts";
import { createLogger } from "../../services/strategy-api/src/logger.ts";

/** The sample's API as a client sees it, whatever keeps its data. */
export interface SampleApi {
  call(method: string, path: string, payload?: object): Promise<SampleAnswer>;
  close(): Promise<void>;
}
export interface SampleAnswer {
  status: number;
  /** As JSON.parse gives it: tests look at single fields of bodies whose shape the API itself has checked. */
  body: ReturnType<typeof JSON.parse>;
}

/** Makes every table of the contract under `prefix`. */
export async function createTables(client: DynamoDBClient, prefix: string): Promise<void> {
  for (const [key, spec] of Object.entries<TableSpec>(TABLES)) {
    const keys = (hash: string, range: string) => [
      { AttributeName: hash, KeyType: "HASH" as const },
      { AttributeName: range, KeyType: "RANGE" as const },
    ];
    const Projection = { ProjectionType: "ALL" as const };
    const local = spec.localIndexes.map(({ name, range }) => ({
      IndexName: name,
      KeySchema: keys(spec.hash, range),
      Projection,
    }));
    const global = spec.globalIndexes.map(({ name, hash, range }) => ({
      IndexName: name,
      KeySchema: keys(hash, range),
      Projection,
    }));
    await client.send(
      new CreateTableCommand({
        TableName: `${prefix}-${key}`,
        BillingMode: "PAY_PER_REQUEST",
        AttributeDefinitions: Object.entries(spec.attributes).map(([AttributeName, AttributeType]) => ({
          AttributeName,
          AttributeType,
        })),
        KeySchema: keys(spec.hash, spec.range),
        ...(local.length > 0 ? { LocalSecondaryIndexes: local } : {}),
        ...(global.length > 0 ? { GlobalSecondaryIndexes: global } : {}),
      }),
    );
  }
}

/** A function's variables with tables below `prefix` and the ARNs of the secrets that there are. */
export function environmentOf(
  category: FunctionCategory,
  prefix: string,
  secretArns: Readonly<Record<string, string>>,
): Record<string, string> {
  const values: Record<string, string> = {
    ENVIRONMENT: "test",
    EXECUTION_MODE: "paper",
    LOG_LEVEL: "warn",
    ALLOWED_ORIGINS: "https://desk.example",
    SECRETS_EPOCH: "1",
    TIME_SERIES_KIND: "none",
  };
  for (const key of Object.keys(TABLES) as TableKey[]) values[tableVariable(key)] = `${prefix}-${key}`;
  for (const { name } of SECRET_SLOTS) {
    values[secretVariable(name)] =
      secretArns[name] ?? `arn:aws:secretsmanager:us-east-1:123456789012:secret:none-${name}`;
  }
  const names = variablesOf(category, { cache: false, timeSeries: "none" });
  return Object.fromEntries(names.map((name) => [name, values[name] ?? ""]));
}

/** All functions in this process, before tables that are already there. */
export async function functionsInProcess(prefix: string): Promise<SampleApi> {
  const built = new Map(
    await Promise.all(
      FUNCTION_CATEGORIES.map(async (name) => {
        const env = environmentOf(name, prefix, {});
        return [name, await buildFunction(AWS_CATEGORIES[name], env, createLogger("silent"))] as const;
      }),
    ),
  );
  return {
    async call(method, path, payload) {
      const [rawPath = "", rawQueryString = ""] = path.split("?");
      const functionBehind = built.get(categoryAt(rawPath));
      if (functionBehind === undefined) throw new Error(`no function answers ${rawPath}`);
      const answer = await answerEvent(functionBehind.app, {
        version: "2.0",
        rawPath,
        rawQueryString,
        headers: {
          "x-correlation-id": "test-correlation",
          ...(payload === undefined ? {} : { "content-type": "application/json" }),
        },
        requestContext: { stage: "$default", http: { method } },
        ...(payload === undefined ? {} : { body: JSON.stringify(payload) }),
      });
      return {
        status: answer.statusCode,
        body: answer.body === "" ? undefined : JSON.parse(answer.body),
      };
    },
    async close() {
      for (const { close } of built.values()) await close();
    },
  };
}

/** The category that the routes of the contract lead to. */
function categoryAt(path: string): FunctionCategory {
  const found = FUNCTION_CATEGORIES.find((category) =>
    FUNCTIONS[category].paths.some((route) =>
      route.endsWith("/{proxy+}") ? path.startsWith(route.slice(0, -"{proxy+}".length)) : path === route,
    ),
  );
  if (found === undefined) throw new Error(`no route of the contract leads to ${path}`);
  return found;
}
