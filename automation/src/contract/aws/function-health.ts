import { z } from "zod";

/** A store that the function was given. `not-asked`: the function has no use for it and did not ask whether it is there. */
export const DataStoreHealth = z.object({
  /** The table's key, `cache` or `time-series`. */
  name: z.string(),
  state: z.enum(["reachable", "unreachable", "not-asked"]),
  /** False: the stack has it, and this version neither reads nor writes it; then its state does not decide about the function's. */
  used: z.boolean(),
  latencyMs: z.number(),
  /** For people; names no address. */
  detail: z.string(),
});
export type DataStoreHealth = z.infer<typeof DataStoreHealth>;

/** A secret that the function was given. `empty`: nothing was put into the slot yet, which is no failure. */
export const SecretHealth = z.object({
  slot: z.string(),
  state: z.enum(["present", "empty", "unreadable"]),
  /** Of the version that the function holds. */
  versionId: z.string().nullable(),
});
export type SecretHealth = z.infer<typeof SecretHealth>;

/** What GET `healthPath` of a function answers: with 200 when `status` is ok, else with 503. */
export const FunctionHealth = z.object({
  status: z.enum(["ok", "failing"]),
  name: z.string(),
  category: z.string(),
  /** Of the package. */
  version: z.string(),
  environment: z.string(),
  executionMode: z.string(),
  secretsEpoch: z.string().nullable(),
  dataStores: z.array(DataStoreHealth),
  secrets: z.array(SecretHealth),
});
export type FunctionHealth = z.infer<typeof FunctionHealth>;

/** What an HTTP API (payload 2.0) sends a function for a GET: the payload of a direct call that asks a version for its health. */
export function healthEvent(healthPath: string): Record<string, unknown> {
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath: healthPath,
    rawQueryString: "",
    headers: { accept: "application/json" },
    requestContext: { stage: "$default", http: { method: "GET", path: healthPath, protocol: "HTTP/1.1" } },
    isBase64Encoded: false,
  };
}

/** What a function answers to an HTTP API. */
export const FunctionAnswer = z.object({
  statusCode: z.int(),
  headers: z.record(z.string(), z.string()).default({}),
  body: z.string().default(""),
  isBase64Encoded: z.boolean().default(false),
});
export type FunctionAnswer = z.infer<typeof FunctionAnswer>;
