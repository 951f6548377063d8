import { DynamoDBClient } from "@aws-sdk/client-dynamodb";

/** The tables that a function may be given, by their keys. */
export const TABLE_KEYS = ["templates", "strategies", "risk-profiles", "backtests", "audit"] as const;
export type TableKey = (typeof TABLE_KEYS)[number];

/** A connection to the tables that a function was given. `K`: those it was given. */
export type Tables<K extends TableKey = TableKey> = {
  readonly client: DynamoDBClient;
  readonly names: Readonly<Record<K, string>>;
};

const CONNECT_TIMEOUT_MS = 2_000;
const REQUEST_TIMEOUT_MS = 5_000;
/** First try included: throttled calls are tried again by the client with rising pauses. */
const MAX_ATTEMPTS = 4;

/** Opens no connection yet; region and credentials are the environment's. The caller destroys it. */
export function openClient(): DynamoDBClient {
  return new DynamoDBClient({
    maxAttempts: MAX_ATTEMPTS,
    requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS },
  });
}
