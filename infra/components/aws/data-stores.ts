import aws from "@pulumi/aws";
import pulumi from "@pulumi/pulumi";
import type { TableKey, TableSpec } from "../../../automation/src/contract/aws/tables.ts";
import type { Network } from "./network.ts";
import { nameOf, type Place } from "./place.ts";
import { serviceRole } from "./service-role.ts";

export interface CacheArgs {
  /** Of each node. Default: cache.t4g.micro. */
  nodeType?: string;
  /** From 2 on, one takes over when another fails. Default: 1. */
  nodes?: number;
}

export type TimeSeriesArgs =
  | { kind: "none" }
  /** Closed to accounts that did not use it before June 2025. */
  | { kind: "liveanalytics"; keepDays: number }
  /** An instance in the network, with its first password: it stands in the state, as a secret. */
  | { kind: "influxdb"; instanceType: string; storageGiB: number; firstPassword: pulumi.Output<string> };

export type TimeSeries =
  | { kind: "none" }
  | { kind: "liveanalytics"; database: pulumi.Output<string>; table: pulumi.Output<string> }
  | {
      kind: "influxdb";
      id: pulumi.Output<string>;
      /** host:port (TLS). */
      endpoint: pulumi.Output<string>;
      organization: string;
      bucket: string;
    };

export interface DataStoresArgs {
  place: Place;
  kmsKeyArn: pulumi.Input<string>;
  tables: Readonly<Record<TableKey, TableSpec>>;
  /** Where what is reached by address goes; undefined when there is nothing of the kind. */
  network: Network | undefined;
  /** Default: no cache. */
  cache?: CacheArgs | undefined;
  timeSeries: TimeSeriesArgs;
  /** Days that daily backups are kept; 0: no plan. Default: 35. */
  backupDays?: number;
}

export interface MadeTable {
  name: pulumi.Output<string>;
  arn: pulumi.Output<string>;
  indexes: string[];
}

const REDIS_PORT = 6379;
const INFLUX_PORT = 8086;
const INFLUX_ORGANIZATION = "strategy-desk";
const INFLUX_BUCKET = "ticks";

/** Where the sample keeps its data: tables, a cache, a time series and backups. Everything is encrypted by the stack's key and cannot be deleted by mistake. */
export class DataStores extends pulumi.ComponentResource {
  readonly tables: Record<TableKey, MadeTable>;
  readonly cache: {
    id: pulumi.Output<string>;
    endpoint: pulumi.Output<string>;
    port: number;
  } | null;
  readonly timeSeries: TimeSeries;
  /** Names of the plans. */
  readonly backupPlans: pulumi.Output<string>[];

  readonly #place: Place;
  readonly #kmsKeyArn: pulumi.Input<string>;

  constructor(name: string, args: DataStoresArgs, options?: pulumi.ComponentResourceOptions) {
    super("slipway:aws:DataStores", name, {}, options);
    this.#place = args.place;
    this.#kmsKeyArn = args.kmsKeyArn;
    const { backupDays = 35 } = args;

    const { templates, strategies, backtests, audit, ...others } = args.tables;
    this.tables = {
      templates: this.#createTable("templates", templates),
      strategies: this.#createTable("strategies", strategies),
      "risk-profiles": this.#createTable("risk-profiles", others["risk-profiles"]),
      backtests: this.#createTable("backtests", backtests),
      audit: this.#createTable("audit", audit),
    };
    this.cache =
      args.cache === undefined ? null : this.#createCache(args.cache, networkFor("cache", args.network));
    this.timeSeries = this.#createTimeSeries(args.timeSeries, args.network);
    this.backupPlans = backupDays === 0 ? [] : [this.#backUp(backupDays)];

    this.registerOutputs({});
  }

  #createTable(key: TableKey, spec: TableSpec): MadeTable {
    const { keepsData, tags } = this.#place;
    const indexes = [...spec.localIndexes, ...spec.globalIndexes].map((index) => index.name);
    const table = new aws.dynamodb.Table(
      key,
      {
        name: nameOf(this.#place, key),
        billingMode: "PAY_PER_REQUEST",
        hashKey: spec.hash,
        rangeKey: spec.range,
        attributes: Object.entries(spec.attributes).map(([name, type]) => ({ name, type })),
        localSecondaryIndexes: spec.localIndexes.map((index) => ({
          name: index.name,
          rangeKey: index.range,
          projectionType: "ALL",
        })),
        globalSecondaryIndexes: spec.globalIndexes.map((index) => ({
          name: index.name,
          hashKey: index.hash,
          rangeKey: index.range,
          projectionType: "ALL",
        })),
        pointInTimeRecovery: { enabled: true },
        serverSideEncryption: { enabled: true, kmsKeyArn: this.#kmsKeyArn },
        deletionProtectionEnabled: keepsData,
        tags,
      },
      { parent: this, protect: keepsData },
    );
    return { name: table.name, arn: table.arn, indexes };
  }

  #createCache(args: CacheArgs, network: Network) {
    const { nodeType = "cache.t4g.micro", nodes = 1 } = args;
    const place = this.#place;
    const own = { parent: this };
    network.openStorePort("functions-to-cache", REDIS_PORT);
    const subnets = new aws.elasticache.SubnetGroup(
      "cache",
      {
        name: nameOf(place, "cache"),
        description: `Cache of ${place.prefix}`,
        subnetIds: network.privateSubnetIds,
        tags: place.tags,
      },
      own,
    );
    const users = this.#createCacheUsers();
    const cache = new aws.elasticache.ReplicationGroup(
      "cache",
      {
        replicationGroupId: nameOf(place, "cache"),
        description: `Cache of ${place.prefix}`,
        engine: "redis",
        engineVersion: "7.1",
        nodeType,
        numCacheClusters: nodes,
        automaticFailoverEnabled: nodes > 1,
        multiAzEnabled: nodes > 1,
        port: REDIS_PORT,
        subnetGroupName: subnets.name,
        securityGroupIds: [network.storesGroupId],
        atRestEncryptionEnabled: true,
        transitEncryptionEnabled: true,
        kmsKeyId: this.#kmsKeyArn,
        userGroupIds: [users.userGroupId],
        snapshotRetentionLimit: 1,
        tags: place.tags,
      },
      own,
    );
    return {
      id: cache.replicationGroupId,
      endpoint: cache.primaryEndpointAddress,
      port: REDIS_PORT,
    };
  }

  /** Functions sign in by their role: there is no password. The user `default`, which a group must have, can do nothing. */
  #createCacheUsers(): aws.elasticache.UserGroup {
    const place = this.#place;
    const common = { engine: "redis", tags: place.tags };
    const nobody = new aws.elasticache.User(
      "cache-nobody",
      {
        ...common,
        userId: nameOf(place, "nobody"),
        userName: "default",
        accessString: "off ~* -@all",
        authenticationMode: { type: "no-password-required" },
      },
      { parent: this },
    );
    const functions = new aws.elasticache.User(
      "cache-functions",
      {
        ...common,
        userId: nameOf(place, "functions"),
        // AWS asks for the same name and id of a user that signs in by a role.
        userName: nameOf(place, "functions"),
        accessString: "on ~* +@all -@dangerous +info",
        authenticationMode: { type: "iam" },
      },
      { parent: this },
    );
    return new aws.elasticache.UserGroup(
      "cache",
      {
        ...common,
        userGroupId: nameOf(place, "cache"),
        userIds: [nobody.userId, functions.userId],
      },
      { parent: this },
    );
  }

  #createTimeSeries(args: TimeSeriesArgs, network: Network | undefined): TimeSeries {
    switch (args.kind) {
      case "none":
        return { kind: "none" };
      case "liveanalytics":
        return this.#createLiveAnalytics(args.keepDays);
      case "influxdb":
        return this.#createInflux(args, networkFor("time series", network));
    }
  }

  #createLiveAnalytics(keepDays: number): TimeSeries {
    const place = this.#place;
    const protection = { parent: this, protect: place.keepsData };
    const database = new aws.timestreamwrite.Database(
      "market-data",
      { databaseName: nameOf(place, "market-data"), kmsKeyId: this.#kmsKeyArn, tags: place.tags },
      protection,
    );
    const table = new aws.timestreamwrite.Table(
      "ticks",
      {
        databaseName: database.databaseName,
        tableName: "ticks",
        retentionProperties: {
          memoryStoreRetentionPeriodInHours: 24,
          magneticStoreRetentionPeriodInDays: keepDays,
        },
        tags: place.tags,
      },
      protection,
    );
    return { kind: "liveanalytics", database: database.databaseName, table: table.tableName };
  }

  #createInflux(args: Extract<TimeSeriesArgs, { kind: "influxdb" }>, network: Network): TimeSeries {
    const place = this.#place;
    network.openStorePort("functions-to-time-series", INFLUX_PORT);
    const instance = new aws.timestreaminfluxdb.DbInstance(
      "market-data",
      {
        name: nameOf(place, "market-data"),
        allocatedStorage: args.storageGiB,
        dbInstanceType: args.instanceType,
        organization: INFLUX_ORGANIZATION,
        bucket: INFLUX_BUCKET,
        username: "admin",
        password: args.firstPassword,
        publiclyAccessible: false,
        vpcSubnetIds: network.privateSubnetIds,
        vpcSecurityGroupIds: [network.storesGroupId],
        tags: place.tags,
      },
      // Its password is changed in InfluxDB itself from then on; the instance is not made anew for it.
      { parent: this, protect: place.keepsData, ignoreChanges: ["password"] },
    );
    return {
      kind: "influxdb",
      id: instance.id,
      endpoint: pulumi.interpolate`${instance.endpoint}:${INFLUX_PORT}`,
      organization: INFLUX_ORGANIZATION,
      bucket: INFLUX_BUCKET,
    };
  }

  #backUp(keepDays: number): pulumi.Output<string> {
    const place = this.#place;
    const own = { parent: this };
    const vault = new aws.backup.Vault(
      "daily",
      {
        name: nameOf(place, "backups"),
        kmsKeyArn: this.#kmsKeyArn,
        forceDestroy: !place.keepsData,
        tags: place.tags,
      },
      { ...own, protect: place.keepsData },
    );
    const plan = new aws.backup.Plan(
      "daily",
      {
        name: nameOf(place, "daily"),
        rules: [
          {
            ruleName: "daily",
            targetVaultName: vault.name,
            // Three at night, UTC.
            schedule: "cron(0 3 * * ? *)",
            // Minutes within which a backup begins and ends.
            startWindow: 60,
            completionWindow: 360,
            lifecycle: { deleteAfter: keepDays },
          },
        ],
        tags: place.tags,
      },
      own,
    );
    const role = serviceRole("backups", { place, service: "backup.amazonaws.com" }, own);
    const allowed = new aws.iam.RolePolicyAttachment(
      "backups",
      {
        role: role.name,
        policyArn: `arn:${place.partition}:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup`,
      },
      own,
    );
    new aws.backup.Selection(
      "tables",
      {
        name: nameOf(place, "tables"),
        planId: plan.id,
        iamRoleArn: role.arn,
        resources: Object.values(this.tables).map((table) => table.arn),
      },
      { ...own, dependsOn: allowed },
    );
    return plan.name;
  }
}

function networkFor(what: string, network: Network | undefined): Network {
  if (network === undefined) throw new pulumi.RunError(`The ${what} needs a network.`);
  return network;
}
