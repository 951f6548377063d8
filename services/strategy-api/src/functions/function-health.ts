import { DescribeTableCommand } from "@aws-sdk/client-dynamodb";
import type { Logger } from "pino";
import { z } from "zod";
import type { TableKey, Tables } from "../dynamodb/tables.ts";
import type { SecretReader } from "../secrets/reader.ts";

/** A store that takes longer is reported as unreachable: a health check must not hang with what it checks. */
const PROBE_TIMEOUT_MS = 3_000;

const DataStore = z.object({
  name: z.string(),
  state: z.enum(["reachable", "unreachable", "not-asked"]),
  used: z.boolean(),
  latencyMs: z.number(),
  detail: z.string(),
});
export type DataStore = z.output<typeof DataStore>;

export const FunctionHealth = z.object({
  status: z.enum(["ok", "failing"]),
  name: z.string(),
  category: z.string(),
  version: z.string(),
  environment: z.string(),
  executionMode: z.enum(["backtest", "paper", "live"]),
  secretsEpoch: z.string().nullable(),
  dataStores: z.array(DataStore),
  secrets: z.array(
    z.object({
      slot: z.string(),
      state: z.enum(["present", "empty", "unreadable"]),
      versionId: z.string().nullable(),
    }),
  ),
});
export type FunctionHealth = z.output<typeof FunctionHealth>;

/** A store and the question that shows whether it answers. */
export type StoreProbe = {
  readonly name: string;
  readonly used: boolean;
  readonly ask: () => Promise<string>;
};

/** Asks how a table is. Also those may ask who may only append to it. */
export function tableProbe<K extends TableKey>(tables: Tables<K>, table: K): StoreProbe {
  return {
    name: table,
    used: true,
    ask: async () => {
      const { Table } = await tables.client.send(
        new DescribeTableCommand({ TableName: tables.names[table] }),
      );
      const status = Table?.TableStatus ?? "unknown";
      // It serves while it is changed, too.
      if (status !== "ACTIVE" && status !== "UPDATING") throw new Error(`Its status is ${status}.`);
      return "answers";
    },
  };
}

/** Asks all stores at the same time. Never rejects. */
export function askStores(probes: readonly StoreProbe[], logger: Logger): Promise<DataStore[]> {
  return Promise.all(probes.map((probe) => askStore(probe, logger)));
}

async function askStore({ name, used, ask }: StoreProbe, logger: Logger): Promise<DataStore> {
  const started = performance.now();
  const latencyMs = () => Math.round((performance.now() - started) * 10) / 10;
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${PROBE_TIMEOUT_MS} ms`)), PROBE_TIMEOUT_MS);
  });
  try {
    const detail = await Promise.race([ask(), timeout]);
    return { name, used, state: "reachable", latencyMs: latencyMs(), detail };
  } catch (error) {
    logger.warn({ err: error, store: name }, "a data store cannot be reached");
    // Messages of clients name accounts and addresses; callers get the store's name only, the log has the rest.
    const detail = "The question failed; see the log.";
    return { name, used, state: "unreachable", latencyMs: latencyMs(), detail };
  } finally {
    clearTimeout(timer);
  }
}

/** Names the slots and versions of a function's secrets; a secret that cannot be read goes to the log. */
export function askSecrets(secrets: SecretReader, logger: Logger): Promise<FunctionHealth["secrets"]> {
  return secrets.states((slot, error) => logger.warn({ err: error, slot }, "a secret cannot be read"));
}

/** Failing: a store that the function uses does not answer, or a secret that is there cannot be read. */
export function statusOf(health: Pick<FunctionHealth, "dataStores" | "secrets">): "ok" | "failing" {
  const isDown = health.dataStores.some((store) => store.used && store.state === "unreachable");
  const isLocked = health.secrets.some((secret) => secret.state === "unreadable");
  return isDown || isLocked ? "failing" : "ok";
}
