import {
  BackupClient,
  GetBackupPlanCommand,
  ListBackupPlansCommand,
  ListBackupSelectionsCommand,
} from "@aws-sdk/client-backup";
import { DescribeTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DescribeReplicationGroupsCommand, ElastiCacheClient } from "@aws-sdk/client-elasticache";
import {
  DescribeDatabaseCommand,
  DescribeTableCommand as DescribeTimeSeriesCommand,
  TimestreamWriteClient,
} from "@aws-sdk/client-timestream-write";
import { messageOf } from "../../errors.ts";
import { apiAddress, parsed } from "./api-rules.ts";
import type { PlannedCheck, Verdict } from "./check.ts";
import {
  type DescribedPlan,
  type DescribedTable,
  judgeByHealth,
  judgeCacheStatus,
  judgePlan,
  judgePong,
  judgeTable,
  judgeTimeSeries,
} from "./data-store-rules.ts";
import { ping } from "./resp-ping.ts";
import { nothingTo, type Scope, withClient } from "./scope.ts";

/** Tables and their indexes are active, cache and time series answer, backup plans back something up. */
export function dataStoreChecks(scope: Scope): readonly PlannedCheck[] {
  const { tables, cache, backupPlans } = scope.manifest.dataStores;
  return [
    ...Object.entries(tables).map(([key, { name, indexes }]) => ({
      check: `table ${key}`,
      look: async () => judgeTable(indexes, await describeTable(scope, name)),
    })),
    ...(cache === null ? [nothingTo("cache", "the stack has no cache")] : cacheChecks(scope, cache)),
    timeSeries(scope),
    ...(backupPlans.length === 0
      ? [nothingTo("backup plans", "the stack has no backup plan")]
      : backupPlans.map((plan) => ({
          check: `backup plan ${plan}`,
          look: async () => judgePlan(await describePlan(scope, plan)),
        }))),
  ];
}

type Cache = NonNullable<Scope["manifest"]["dataStores"]["cache"]>;

function cacheChecks(scope: Scope, cache: Cache): PlannedCheck[] {
  return [
    { check: "cache", look: async () => judgeCacheStatus((await describeCache(scope, cache.id)).status) },
    { check: "cache answers", look: () => reachCache(scope, cache) },
  ];
}

async function reachCache(scope: Scope, { id, endpoint, port }: Cache): Promise<Verdict> {
  const { tls } = await describeCache(scope, id);
  let line: string;
  try {
    line = await ping({ host: endpoint, port, tls, extraCa: scope.extraCa }, scope.context.signal);
  } catch (thrown) {
    scope.context.signal.throwIfAborted();
    return byHealth(scope, "cache", messageOf(thrown));
  }
  return judgePong(line);
}

/** The health function sees what is inside of the network. */
async function byHealth(scope: Scope, component: string, why: string): Promise<Verdict> {
  const { api, functions } = scope.manifest;
  const path = functions.health?.healthPath;
  if (path === undefined) return judgeByHealth(component, why, undefined);
  const { text } = await scope.request(apiAddress(api.url, path));
  return judgeByHealth(component, why, parsed(text));
}

function timeSeries(scope: Scope): PlannedCheck {
  const check = "time series";
  const { timeSeries: kept } = scope.manifest.dataStores;
  switch (kept.kind) {
    case "none":
      return nothingTo(check, "the stack keeps no time series");
    case "liveanalytics":
      return { check, look: async () => judgeTimeSeries(await describeTimeSeries(scope, kept)) };
    case "influxdb":
      return { check, look: () => byHealth(scope, "time-series", "its endpoint is inside of the network") };
  }
}

async function describeTable(scope: Scope, name: string): Promise<DescribedTable> {
  return withClient(
    scope,
    (settings) => new DynamoDBClient(settings),
    async (client, options) => {
      const { Table } = await client.send(new DescribeTableCommand({ TableName: name }), options);
      const indexes = [...(Table?.GlobalSecondaryIndexes ?? [])].map(
        (one) => [one.IndexName ?? "", one.IndexStatus ?? "unknown"] as const,
      );
      // A local index lives and dies with its table.
      const local = (Table?.LocalSecondaryIndexes ?? []).map(
        (one) => [one.IndexName ?? "", "ACTIVE"] as const,
      );
      return {
        status: Table?.TableStatus ?? "unknown",
        indexes: Object.fromEntries([...indexes, ...local]),
      };
    },
  );
}

async function describeCache(scope: Scope, id: string): Promise<{ status: string; tls: boolean }> {
  return withClient(
    scope,
    (settings) => new ElastiCacheClient(settings),
    async (client, options) => {
      const { ReplicationGroups } = await client.send(
        new DescribeReplicationGroupsCommand({ ReplicationGroupId: id }),
        options,
      );
      const group = ReplicationGroups?.[0];
      return { status: group?.Status ?? "unknown", tls: group?.TransitEncryptionEnabled ?? false };
    },
  );
}

async function describeTimeSeries(
  scope: Scope,
  { database, table }: { database: string; table: string },
): Promise<string> {
  return withClient(
    scope,
    (settings) => new TimestreamWriteClient(settings),
    async (client, options) => {
      await client.send(new DescribeDatabaseCommand({ DatabaseName: database }), options);
      const { Table } = await client.send(
        new DescribeTimeSeriesCommand({ DatabaseName: database, TableName: table }),
        options,
      );
      return Table?.TableStatus ?? "unknown";
    },
  );
}

/** A plan by its name or id; null when there is none. */
async function describePlan(scope: Scope, plan: string): Promise<DescribedPlan | null> {
  return withClient(
    scope,
    (settings) => new BackupClient(settings),
    async (client, options) => {
      const id = await planId(client, options, plan);
      if (id === null) return null;
      const [{ BackupPlan }, { BackupSelectionsList }] = await Promise.all([
        client.send(new GetBackupPlanCommand({ BackupPlanId: id }), options),
        client.send(new ListBackupSelectionsCommand({ BackupPlanId: id }), options),
      ]);
      return { rules: BackupPlan?.Rules?.length ?? 0, selections: BackupSelectionsList?.length ?? 0 };
    },
  );
}

async function planId(
  client: BackupClient,
  options: { abortSignal: AbortSignal },
  plan: string,
): Promise<string | null> {
  let next: string | undefined;
  do {
    const page = await client.send(new ListBackupPlansCommand({ NextToken: next }), options);
    const found = page.BackupPlansList?.find(
      (one) => one.BackupPlanName === plan || one.BackupPlanId === plan,
    );
    if (found !== undefined) return found.BackupPlanId ?? null;
    next = page.NextToken || undefined;
  } while (next !== undefined);
  return null;
}
