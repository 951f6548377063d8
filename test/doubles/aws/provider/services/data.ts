import {
  BackupClient,
  CreateBackupPlanCommand,
  CreateBackupSelectionCommand,
  CreateBackupVaultCommand,
  DeleteBackupPlanCommand,
  DeleteBackupSelectionCommand,
  DeleteBackupVaultCommand,
  DescribeBackupVaultCommand,
  GetBackupPlanCommand,
  GetBackupSelectionCommand,
  ListTagsCommand,
  UpdateBackupPlanCommand,
} from "@aws-sdk/client-backup";
import {
  type AttributeDefinition,
  CreateTableCommand,
  type CreateTableCommandInput,
  DeleteTableCommand,
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  DynamoDBClient,
  type KeySchemaElement,
  ListTagsOfResourceCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateContinuousBackupsCommand,
  UpdateTableCommand,
  UpdateTimeToLiveCommand,
} from "@aws-sdk/client-dynamodb";
import {
  CreateDatabaseCommand,
  CreateTableCommand as CreateSeriesTableCommand,
  DeleteDatabaseCommand,
  DeleteTableCommand as DeleteSeriesTableCommand,
  DescribeDatabaseCommand,
  DescribeTableCommand as DescribeSeriesTableCommand,
  TimestreamWriteClient,
  UpdateDatabaseCommand,
  UpdateTableCommand as UpdateSeriesTableCommand,
} from "@aws-sdk/client-timestream-write";
import {
  type Kind,
  maybeFlag,
  maybeNumber,
  maybeText,
  recordOf,
  recordsOf,
  tagList,
  tagMap,
  tagsFrom,
  tagsToDrop,
  textOf,
  textsOf,
  unlessGone,
  type Values,
} from "../kind.ts";

const GONE = ["ResourceNotFoundException"] as const;

function keys(hash: string | undefined, range: string | undefined): KeySchemaElement[] {
  return [
    ...(hash === undefined ? [] : [{ AttributeName: hash, KeyType: "HASH" as const }]),
    ...(range === undefined ? [] : [{ AttributeName: range, KeyType: "RANGE" as const }]),
  ];
}

function keysFrom(schema: readonly KeySchemaElement[] | undefined): Values {
  const of = (kind: string) => schema?.find(({ KeyType }) => KeyType === kind)?.AttributeName;
  return { hashKey: of("HASH"), rangeKey: of("RANGE") };
}

function projection(index: Values) {
  return {
    Projection: {
      ProjectionType: textOf(index, "projectionType") as "ALL",
      ...(index.nonKeyAttributes === undefined
        ? {}
        : { NonKeyAttributes: textsOf(index, "nonKeyAttributes") }),
    },
  };
}

function attributes(inputs: Values): AttributeDefinition[] {
  return recordsOf(inputs, "attributes").map((attribute) => ({
    AttributeName: textOf(attribute, "name"),
    AttributeType: textOf(attribute, "type") as "S",
  }));
}

function globalIndex(index: Values) {
  return {
    IndexName: textOf(index, "name"),
    KeySchema: keys(textOf(index, "hashKey"), maybeText(index, "rangeKey")),
    ...projection(index),
  };
}

function encryption(inputs: Values) {
  const sse = recordOf(inputs, "serverSideEncryption");
  return inputs.serverSideEncryption === undefined
    ? {}
    : {
        SSESpecification: {
          Enabled: maybeFlag(sse, "enabled") ?? false,
          SSEType: "KMS" as const,
          KMSMasterKeyId: maybeText(sse, "kmsKeyArn"),
        },
      };
}

const table: Kind = {
  create: async (inputs, clients) => {
    const dynamo = clients.of(DynamoDBClient);
    const name = textOf(inputs, "name");
    const hash = textOf(inputs, "hashKey");
    const local = recordsOf(inputs, "localSecondaryIndexes");
    const global = recordsOf(inputs, "globalSecondaryIndexes");
    const settings: CreateTableCommandInput = {
      TableName: name,
      BillingMode: textOf(inputs, "billingMode") as "PAY_PER_REQUEST",
      AttributeDefinitions: attributes(inputs),
      KeySchema: keys(hash, maybeText(inputs, "rangeKey")),
      DeletionProtectionEnabled: maybeFlag(inputs, "deletionProtectionEnabled") ?? false,
      Tags: tagList(inputs),
      ...encryption(inputs),
    };
    if (local.length > 0) {
      settings.LocalSecondaryIndexes = local.map((index) => ({
        IndexName: textOf(index, "name"),
        KeySchema: keys(hash, textOf(index, "rangeKey")),
        ...projection(index),
      }));
    }
    if (global.length > 0) settings.GlobalSecondaryIndexes = global.map(globalIndex);
    await dynamo.send(new CreateTableCommand(settings));
    await recovery(name, inputs, dynamo);
    await expiry(name, inputs, dynamo);
    return name;
  },
  read: async (id, clients) => {
    const dynamo = clients.of(DynamoDBClient);
    const found = await unlessGone(dynamo.send(new DescribeTableCommand({ TableName: id })), ...GONE);
    const there = found?.Table;
    if (there === undefined) return undefined;
    const [backups, ttl, tags] = await Promise.all([
      dynamo.send(new DescribeContinuousBackupsCommand({ TableName: id })),
      dynamo.send(new DescribeTimeToLiveCommand({ TableName: id })),
      dynamo.send(new ListTagsOfResourceCommand({ ResourceArn: there.TableArn })),
    ]);
    const point = backups.ContinuousBackupsDescription?.PointInTimeRecoveryDescription;
    const on = ttl.TimeToLiveDescription?.TimeToLiveStatus === "ENABLED";
    return {
      name: there.TableName,
      arn: there.TableArn,
      streamArn: there.LatestStreamArn ?? "",
      ...keysFrom(there.KeySchema),
      billingMode: there.BillingModeSummary?.BillingMode ?? "PROVISIONED",
      attributes: there.AttributeDefinitions?.map(({ AttributeName, AttributeType }) => ({
        name: AttributeName,
        type: AttributeType,
      })),
      localSecondaryIndexes: (there.LocalSecondaryIndexes ?? []).map((index) => ({
        name: index.IndexName,
        rangeKey: keysFrom(index.KeySchema).rangeKey,
        projectionType: index.Projection?.ProjectionType,
      })),
      globalSecondaryIndexes: (there.GlobalSecondaryIndexes ?? []).map((index) => ({
        name: index.IndexName,
        ...keysFrom(index.KeySchema),
        projectionType: index.Projection?.ProjectionType,
      })),
      deletionProtectionEnabled: there.DeletionProtectionEnabled ?? false,
      pointInTimeRecovery: { enabled: point?.PointInTimeRecoveryStatus === "ENABLED" },
      serverSideEncryption: {
        enabled: there.SSEDescription?.Status === "ENABLED",
        kmsKeyArn: there.SSEDescription?.KMSMasterKeyArn,
      },
      ttl: { enabled: on, attributeName: ttl.TimeToLiveDescription?.AttributeName ?? "" },
      tagsAll: tagsFrom(tags.Tags),
    };
  },
  update: async (id, inputs, clients, changed) => {
    const dynamo = clients.of(DynamoDBClient);
    if (changed.has("deletionProtectionEnabled") || changed.has("billingMode")) {
      await dynamo.send(
        new UpdateTableCommand({
          TableName: id,
          BillingMode: textOf(inputs, "billingMode") as "PAY_PER_REQUEST",
          DeletionProtectionEnabled: maybeFlag(inputs, "deletionProtectionEnabled") ?? false,
        }),
      );
    }
    if (changed.has("globalSecondaryIndexes")) await updateIndexes(id, inputs, dynamo);
    if (changed.has("serverSideEncryption"))
      await dynamo.send(new UpdateTableCommand({ TableName: id, ...encryption(inputs) }));
    if (changed.has("pointInTimeRecovery")) await recovery(id, inputs, dynamo);
    if (changed.has("ttl")) await expiry(id, inputs, dynamo);
    if (changed.has("tagsAll")) {
      const found = await dynamo.send(new DescribeTableCommand({ TableName: id }));
      const ResourceArn = found.Table?.TableArn;
      const there = await dynamo.send(new ListTagsOfResourceCommand({ ResourceArn }));
      const TagKeys = tagsToDrop(inputs, tagsFrom(there.Tags));
      if (TagKeys.length > 0) await dynamo.send(new UntagResourceCommand({ ResourceArn, TagKeys }));
      await dynamo.send(new TagResourceCommand({ ResourceArn, Tags: tagList(inputs) }));
    }
  },
  delete: async (id, _, clients) =>
    void (await unlessGone(
      clients.of(DynamoDBClient).send(new DeleteTableCommand({ TableName: id })),
      ...GONE,
    )),
};

async function recovery(TableName: string, inputs: Values, dynamo: DynamoDBClient): Promise<void> {
  const PointInTimeRecoveryEnabled = maybeFlag(recordOf(inputs, "pointInTimeRecovery"), "enabled") ?? false;
  await dynamo.send(
    new UpdateContinuousBackupsCommand({
      TableName,
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled },
    }),
  );
}

async function expiry(TableName: string, inputs: Values, dynamo: DynamoDBClient): Promise<void> {
  if (inputs.ttl === undefined) return;
  const ttl = recordOf(inputs, "ttl");
  await dynamo.send(
    new UpdateTimeToLiveCommand({
      TableName,
      TimeToLiveSpecification: {
        AttributeName: textOf(ttl, "attributeName"),
        Enabled: maybeFlag(ttl, "enabled") ?? true,
      },
    }),
  );
}

/** AWS takes one index at a time. */
async function updateIndexes(TableName: string, inputs: Values, dynamo: DynamoDBClient): Promise<void> {
  const found = await dynamo.send(new DescribeTableCommand({ TableName }));
  const there = new Set(found.Table?.GlobalSecondaryIndexes?.map(({ IndexName }) => IndexName));
  const wanted = recordsOf(inputs, "globalSecondaryIndexes").map(globalIndex);
  for (const IndexName of there) {
    if (wanted.some((index) => index.IndexName === IndexName)) continue;
    await dynamo.send(
      new UpdateTableCommand({ TableName, GlobalSecondaryIndexUpdates: [{ Delete: { IndexName } }] }),
    );
  }
  for (const index of wanted) {
    if (there.has(index.IndexName)) continue;
    await dynamo.send(
      new UpdateTableCommand({
        TableName,
        AttributeDefinitions: attributes(inputs),
        GlobalSecondaryIndexUpdates: [{ Create: index }],
      }),
    );
  }
}

const vault: Kind = {
  create: async (inputs, clients) => {
    const name = textOf(inputs, "name");
    await clients.of(BackupClient).send(
      new CreateBackupVaultCommand({
        BackupVaultName: name,
        EncryptionKeyArn: maybeText(inputs, "kmsKeyArn"),
        BackupVaultTags: tagMap(inputs),
      }),
    );
    return name;
  },
  read: async (id, clients) => {
    const backup = clients.of(BackupClient);
    const asked = backup.send(new DescribeBackupVaultCommand({ BackupVaultName: id }));
    const found = await unlessGone(asked, ...GONE);
    if (found === undefined) return undefined;
    const tags = await backup.send(new ListTagsCommand({ ResourceArn: found.BackupVaultArn }));
    return {
      name: found.BackupVaultName,
      arn: found.BackupVaultArn,
      kmsKeyArn: found.EncryptionKeyArn,
      recoveryPoints: found.NumberOfRecoveryPoints ?? 0,
      tagsAll: tags.Tags ?? {},
    };
  },
  update: () => Promise.resolve(),
  delete: async (id, _, clients) =>
    void (await unlessGone(
      clients.of(BackupClient).send(new DeleteBackupVaultCommand({ BackupVaultName: id })),
      ...GONE,
    )),
};

function planSettings(inputs: Values) {
  return {
    BackupPlanName: textOf(inputs, "name"),
    Rules: recordsOf(inputs, "rules").map((rule) => ({
      RuleName: textOf(rule, "ruleName"),
      TargetBackupVaultName: textOf(rule, "targetVaultName"),
      ScheduleExpression: maybeText(rule, "schedule"),
      StartWindowMinutes: maybeNumber(rule, "startWindow"),
      CompletionWindowMinutes: maybeNumber(rule, "completionWindow"),
      Lifecycle: { DeleteAfterDays: maybeNumber(recordOf(rule, "lifecycle"), "deleteAfter") },
    })),
  };
}

const plan: Kind = {
  create: async (inputs, clients) => {
    const command = new CreateBackupPlanCommand({
      BackupPlan: planSettings(inputs),
      BackupPlanTags: tagMap(inputs),
    });
    const made = await clients.of(BackupClient).send(command);
    return made.BackupPlanId ?? "";
  },
  read: async (id, clients) => {
    const backup = clients.of(BackupClient);
    const asked = backup.send(new GetBackupPlanCommand({ BackupPlanId: id }));
    const found = await unlessGone(asked, ...GONE);
    // A deleted plan can still be read.
    if (found === undefined || found.DeletionDate !== undefined) return undefined;
    const tags = await backup.send(new ListTagsCommand({ ResourceArn: found.BackupPlanArn }));
    return {
      name: found.BackupPlan?.BackupPlanName,
      arn: found.BackupPlanArn,
      version: found.VersionId,
      rules: (found.BackupPlan?.Rules ?? []).map((rule) => ({
        ruleName: rule.RuleName,
        targetVaultName: rule.TargetBackupVaultName,
        schedule: rule.ScheduleExpression,
        startWindow: rule.StartWindowMinutes,
        completionWindow: rule.CompletionWindowMinutes,
        lifecycle: { deleteAfter: rule.Lifecycle?.DeleteAfterDays },
      })),
      tagsAll: tags.Tags ?? {},
    };
  },
  update: async (id, inputs, clients) =>
    void (await clients
      .of(BackupClient)
      .send(new UpdateBackupPlanCommand({ BackupPlanId: id, BackupPlan: planSettings(inputs) }))),
  delete: async (id, _, clients) =>
    void (await unlessGone(
      clients.of(BackupClient).send(new DeleteBackupPlanCommand({ BackupPlanId: id })),
      ...GONE,
    )),
};

const selection: Kind = {
  create: async (inputs, clients) => {
    const made = await clients.of(BackupClient).send(
      new CreateBackupSelectionCommand({
        BackupPlanId: textOf(inputs, "planId"),
        BackupSelection: {
          SelectionName: textOf(inputs, "name"),
          IamRoleArn: textOf(inputs, "iamRoleArn"),
          Resources: textsOf(inputs, "resources"),
        },
      }),
    );
    return made.SelectionId ?? "";
  },
  read: async (id, clients, known) => {
    const command = new GetBackupSelectionCommand({
      BackupPlanId: textOf(known, "planId"),
      SelectionId: id,
    });
    const found = await unlessGone(clients.of(BackupClient).send(command), ...GONE);
    if (found === undefined) return undefined;
    return {
      name: found.BackupSelection?.SelectionName,
      iamRoleArn: found.BackupSelection?.IamRoleArn,
      resources: found.BackupSelection?.Resources,
    };
  },
  delete: async (id, state, clients) =>
    void (await unlessGone(
      clients
        .of(BackupClient)
        .send(new DeleteBackupSelectionCommand({ BackupPlanId: textOf(state, "planId"), SelectionId: id })),
      ...GONE,
    )),
};

const seriesDatabase: Kind = {
  create: async (inputs, clients) => {
    const DatabaseName = textOf(inputs, "databaseName");
    await clients.of(TimestreamWriteClient).send(
      new CreateDatabaseCommand({
        DatabaseName,
        KmsKeyId: maybeText(inputs, "kmsKeyId"),
        Tags: tagList(inputs),
      }),
    );
    return DatabaseName;
  },
  read: async (id, clients) => {
    const asked = clients.of(TimestreamWriteClient).send(new DescribeDatabaseCommand({ DatabaseName: id }));
    const found = await unlessGone(asked, ...GONE);
    if (found?.Database === undefined) return undefined;
    return {
      databaseName: id,
      arn: found.Database.Arn,
      kmsKeyId: found.Database.KmsKeyId,
      tableCount: found.Database.TableCount ?? 0,
    };
  },
  update: async (id, inputs, clients) =>
    void (await clients
      .of(TimestreamWriteClient)
      .send(new UpdateDatabaseCommand({ DatabaseName: id, KmsKeyId: textOf(inputs, "kmsKeyId") }))),
  delete: async (id, _, clients) =>
    void (await unlessGone(
      clients.of(TimestreamWriteClient).send(new DeleteDatabaseCommand({ DatabaseName: id })),
      ...GONE,
    )),
};

function retention(inputs: Values) {
  const kept = recordOf(inputs, "retentionProperties");
  return {
    MemoryStoreRetentionPeriodInHours: maybeNumber(kept, "memoryStoreRetentionPeriodInHours"),
    MagneticStoreRetentionPeriodInDays: maybeNumber(kept, "magneticStoreRetentionPeriodInDays"),
  };
}

const seriesTable: Kind = {
  create: async (inputs, clients) => {
    const [DatabaseName, TableName] = [textOf(inputs, "databaseName"), textOf(inputs, "tableName")];
    await clients.of(TimestreamWriteClient).send(
      new CreateSeriesTableCommand({
        DatabaseName,
        TableName,
        RetentionProperties: retention(inputs),
        Tags: tagList(inputs),
      }),
    );
    return `${TableName}:${DatabaseName}`;
  },
  read: async (id, clients) => {
    const [TableName, DatabaseName] = id.split(":");
    const command = new DescribeSeriesTableCommand({ DatabaseName, TableName });
    const found = await unlessGone(clients.of(TimestreamWriteClient).send(command), ...GONE);
    if (found?.Table === undefined) return undefined;
    const kept = found.Table.RetentionProperties;
    return {
      databaseName: DatabaseName,
      tableName: TableName,
      arn: found.Table.Arn,
      retentionProperties: {
        memoryStoreRetentionPeriodInHours: kept?.MemoryStoreRetentionPeriodInHours,
        magneticStoreRetentionPeriodInDays: kept?.MagneticStoreRetentionPeriodInDays,
      },
    };
  },
  update: async (id, inputs, clients) => {
    const [TableName, DatabaseName] = id.split(":");
    const command = { DatabaseName, TableName, RetentionProperties: retention(inputs) };
    await clients.of(TimestreamWriteClient).send(new UpdateSeriesTableCommand(command));
  },
  delete: async (id, _, clients) => {
    const [TableName, DatabaseName] = id.split(":");
    await unlessGone(
      clients.of(TimestreamWriteClient).send(new DeleteSeriesTableCommand({ DatabaseName, TableName })),
      ...GONE,
    );
  },
};

export const kinds: Readonly<Record<string, Kind>> = {
  "aws:dynamodb/table:Table": table,
  "aws:backup/vault:Vault": vault,
  "aws:backup/plan:Plan": plan,
  "aws:backup/selection:Selection": selection,
  "aws:timestreamwrite/database:Database": seriesDatabase,
  "aws:timestreamwrite/table:Table": seriesTable,
};
