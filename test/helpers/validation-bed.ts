import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { ACMClient, ImportCertificateCommand } from "@aws-sdk/client-acm";
import {
  ApiGatewayV2Client,
  CreateApiCommand,
  CreateApiMappingCommand,
  CreateDomainNameCommand,
  CreateStageCommand,
} from "@aws-sdk/client-apigatewayv2";
import { BackupClient, CreateBackupPlanCommand, CreateBackupSelectionCommand } from "@aws-sdk/client-backup";
import {
  CloudFrontClient,
  CreateDistributionCommand,
  type DistributionConfig,
} from "@aws-sdk/client-cloudfront";
import { CloudWatchClient, PutDashboardCommand, PutMetricAlarmCommand } from "@aws-sdk/client-cloudwatch";
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  PutLogEventsCommand,
  PutRetentionPolicyCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import { CreateTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { CreateReplicationGroupCommand, ElastiCacheClient } from "@aws-sdk/client-elasticache";
import {
  ChangeResourceRecordSetsCommand,
  CreateHostedZoneCommand,
  Route53Client,
} from "@aws-sdk/client-route-53";
import { CreateTopicCommand, SNSClient, SubscribeCommand } from "@aws-sdk/client-sns";
import { CreateQueueCommand, GetQueueAttributesCommand, SQSClient } from "@aws-sdk/client-sqs";
import {
  CreateDatabaseCommand,
  CreateTableCommand as CreateSeriesCommand,
  TimestreamWriteClient,
} from "@aws-sdk/client-timestream-write";
import { PutTraceSegmentsCommand, XRayClient } from "@aws-sdk/client-xray";
import type { AwsContext } from "../../automation/src/aws/task.ts";
import { validate } from "../../automation/src/aws/validation/validate.ts";
import type { AwsManifest } from "../../automation/src/contract/aws/manifest.ts";
import {
  type ValidationGroup,
  type ValidationReport,
  ValidationSettings,
} from "../../automation/src/contract/aws/validation.ts";
import { makeCertificateFor } from "./certificate.ts";
import { type DeskStandIn, startDesk } from "./desk-stand-in.ts";
import { type DnsServer, startDnsServer } from "./dns-server.ts";
import type { Moto } from "./moto.ts";

const REGION = "eu-central-1";
/** Certificates of distributions are there, wherever the stack is. */
const EDGE_REGION = "us-east-1";
const SITE = "app.shop.test";
const API = "api.shop.test";
const API_HOST = "d-a1.execute-api.eu-central-1.amazonaws.com";
const ZONE = "shop.test";
const LONG_DAYS = 400;
const CATEGORIES = ["templates", "strategies", "risk-profiles", "market-data", "audit", "health"] as const;

/** A whole stack that is as it should be: moto's resources, a site and an API on the loopback, a cache, a name server. */
export interface ValidationBed {
  manifest: AwsManifest;
  desk: DeskStandIn;
  dns: DnsServer;
  /** What the cache answers to PING; null: it hangs up. */
  cache: { line: string | null };
  /** Client settings for changes by hand. */
  at(region?: string): { region: string; endpoint: string; maxAttempts: number };
  importCertificate(region: string, days: number): Promise<string>;
  distributionConfig(certificateArn: string, enabled?: boolean): DistributionConfig;
  log(category: string, line: string): Promise<void>;
  /** Validates groups of the manifest, which `change` may replace, as of now. */
  report(only: readonly ValidationGroup[], change?: Partial<Changes>): Promise<ValidationReport>;
  stop(): Promise<void>;
}

interface Changes {
  manifest: AwsManifest;
  settings: Partial<ValidationSettings>;
  context: Partial<AwsContext>;
  deployedAt: Date;
}

export async function makeValidationBed(moto: Moto): Promise<ValidationBed> {
  const folder = await mkdtemp(path.join(tmpdir(), "slipway-validation-"));
  const startedAt = new Date();
  const at = (region = REGION) => ({ region, endpoint: moto.url, maxAttempts: 1 });
  const certificate = await makeCertificateFor(LONG_DAYS, [SITE, API]);
  const extraCaFile = path.join(folder, "ca.pem");
  await writeFile(extraCaFile, certificate.cert);
  const desk = await startDesk({ site: SITE, api: API }, certificate);
  const cache: ValidationBed["cache"] = { line: "+PONG" };
  const cacheServer = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.on("data", () => {
      if (cache.line === null) socket.end();
      else socket.write(`${cache.line}\r\n`);
    });
  }).listen(0, "127.0.0.1");
  await once(cacheServer, "listening");

  const importCertificate = async (region: string, days: number) => {
    const pem = days === LONG_DAYS ? certificate : await makeCertificateFor(days, [SITE]);
    const { CertificateArn = "" } = await new ACMClient(at(region)).send(
      new ImportCertificateCommand({ Certificate: Buffer.from(pem.cert), PrivateKey: Buffer.from(pem.key) }),
    );
    return CertificateArn;
  };
  const certificates = {
    site: await importCertificate(EDGE_REGION, LONG_DAYS),
    api: await importCertificate(REGION, LONG_DAYS),
  };
  const distributionConfig = (arn: string, enabled = true): DistributionConfig => ({
    CallerReference: randomBytes(4).toString("hex"),
    Comment: "",
    Enabled: enabled,
    Origins: {
      Quantity: 1,
      Items: [
        { Id: "site", DomainName: "shop.s3.amazonaws.com", S3OriginConfig: { OriginAccessIdentity: "" } },
      ],
    },
    DefaultCacheBehavior: { TargetOriginId: "site", ViewerProtocolPolicy: "redirect-to-https" },
    ViewerCertificate: { ACMCertificateArn: arn, SSLSupportMethod: "sni-only" },
  });
  const { Distribution } = await new CloudFrontClient(at()).send(
    new CreateDistributionCommand({ DistributionConfig: distributionConfig(certificates.site) }),
  );
  const distribution = { id: Distribution?.Id ?? "", domain: Distribution?.DomainName ?? "" };
  const apiId = await makeApi(at(), certificates.api);
  const dns = await makeZone(at(), distribution.domain);
  await makeStores(at());
  const watching = await makeWatching(at());
  const functions = Object.fromEntries(
    CATEGORIES.map((category) => [
      category,
      {
        name: `shop-${category}`,
        arn: `arn:aws:lambda:${REGION}:123456789012:function:shop-${category}`,
        alias: "live",
        logGroup: `/aws/lambda/shop-${category}`,
        environment: [],
        healthPath: category === "health" ? "/api/health" : `/api/${category}/health`,
      },
    ]),
  );
  const logs = new CloudWatchLogsClient(at());
  for (const { logGroup } of Object.values(functions)) {
    await logs.send(new CreateLogGroupCommand({ logGroupName: logGroup }));
    await logs.send(new PutRetentionPolicyCommand({ logGroupName: logGroup, retentionInDays: 30 }));
    await logs.send(new CreateLogStreamCommand({ logGroupName: logGroup, logStreamName: "one" }));
  }
  const log = async (category: string, message: string) => {
    const logEvents = [{ timestamp: Date.now(), message }];
    const logGroupName = functions[category]?.logGroup;
    await logs.send(new PutLogEventsCommand({ logGroupName, logStreamName: "one", logEvents }));
  };
  for (const category of CATEGORIES) await log(category, '{"level":30,"msg":"request completed"}');
  await trace(at(), "shop-templates");

  const manifest: AwsManifest = {
    target: "aws",
    region: REGION,
    environment: "test",
    artifactsBucket: "shop-artifacts",
    kmsKeyArn: `arn:aws:kms:${REGION}:123456789012:key/0`,
    functions,
    api: { id: apiId, url: `https://${API}`, basePath: "/api", stage: "$default", domain: API },
    site: {
      bucket: "shop-site",
      distributionId: distribution.id,
      distributionDomain: distribution.domain,
      url: `https://${SITE}`,
      domain: SITE,
      flags: {},
    },
    dns: { zoneId: dns.zoneId, zone: ZONE },
    certificates,
    dataStores: {
      tables: { strategies: { name: "shop-strategies", indexes: ["byName"] } },
      cache: { id: "shop-cache", endpoint: "127.0.0.1", port: (cacheServer.address() as AddressInfo).port },
      timeSeries: { kind: "liveanalytics", database: "shop", table: "prices" },
      backupPlans: ["daily"],
    },
    secrets: {},
    monitoring: watching,
  };
  const settings = {
    resolvers: [dns.server.address],
    extraCaFile,
    connectTo: {
      [`${SITE}:443`]: `127.0.0.1:${desk.httpsPort}`,
      [`${API}:443`]: `127.0.0.1:${desk.httpsPort}`,
      [`${SITE}:80`]: `127.0.0.1:${desk.httpPort}`,
    },
    waitSeconds: 1,
  };
  return {
    manifest,
    desk,
    dns: dns.server,
    cache,
    at,
    importCertificate,
    distributionConfig,
    log,
    report: async (only, change = {}) => {
      const outcome = await validate(
        {
          manifest: change.manifest ?? manifest,
          choice: { only: [...only] },
          settings: ValidationSettings.parse({ ...settings, ...change.settings }),
          deployedAt: (change.deployedAt ?? startedAt).toISOString(),
        },
        {
          region: REGION,
          endpoint: moto.url,
          tell: () => {},
          signal: new AbortController().signal,
          ...change.context,
        },
      );
      if (outcome.state === "failed") throw outcome.failure;
      return outcome.result;
    },
    stop: async () => {
      cacheServer.close();
      await Promise.all([desk.stop(), dns.server.stop()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

type At = { region: string; endpoint: string; maxAttempts: number };

async function makeApi(at: At, certificateArn: string): Promise<string> {
  const gateway = new ApiGatewayV2Client(at);
  const { ApiId = "" } = await gateway.send(new CreateApiCommand({ Name: "shop", ProtocolType: "HTTP" }));
  await gateway.send(new CreateStageCommand({ ApiId, StageName: "$default", AutoDeploy: true }));
  await gateway.send(
    new CreateDomainNameCommand({
      DomainName: API,
      DomainNameConfigurations: [
        { CertificateArn: certificateArn, EndpointType: "REGIONAL", ApiGatewayDomainName: API_HOST },
      ],
    }),
  );
  await gateway.send(new CreateApiMappingCommand({ ApiId, DomainName: API, Stage: "$default" }));
  return ApiId;
}

async function makeZone(at: At, distributionDomain: string) {
  const route53 = new Route53Client(at);
  const { HostedZone, DelegationSet } = await route53.send(
    new CreateHostedZoneCommand({ Name: ZONE, CallerReference: "zone" }),
  );
  const zoneId = (HostedZone?.Id ?? "").replace("/hostedzone/", "");
  for (const [name, target] of [
    [SITE, distributionDomain],
    [API, API_HOST],
  ] as const)
    await route53.send(
      new ChangeResourceRecordSetsCommand({
        HostedZoneId: zoneId,
        ChangeBatch: {
          Changes: [
            {
              Action: "CREATE",
              ResourceRecordSet: {
                Name: name,
                Type: "A",
                AliasTarget: { HostedZoneId: "Z2FDTNDATAQYW2", DNSName: target, EvaluateTargetHealth: false },
              },
            },
          ],
        },
      }),
    );
  const server = await startDnsServer({
    [ZONE]: { ns: DelegationSet?.NameServers ?? [] },
    [SITE]: { a: ["127.0.0.1"], aaaa: ["0:0:0:0:0:0:0:1"] },
    [distributionDomain]: { a: ["127.0.0.1"] },
    [API]: { a: ["127.0.0.1"] },
    [API_HOST]: { a: ["127.0.0.2"] },
  });
  return { zoneId, server };
}

async function makeStores(at: At): Promise<void> {
  await new DynamoDBClient(at).send(
    new CreateTableCommand({
      TableName: "shop-strategies",
      BillingMode: "PAY_PER_REQUEST",
      AttributeDefinitions: [
        { AttributeName: "id", AttributeType: "S" },
        { AttributeName: "name", AttributeType: "S" },
      ],
      KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
      GlobalSecondaryIndexes: [
        {
          IndexName: "byName",
          KeySchema: [{ AttributeName: "name", KeyType: "HASH" }],
          Projection: { ProjectionType: "ALL" },
        },
      ],
    }),
  );
  await new ElastiCacheClient(at).send(
    new CreateReplicationGroupCommand({
      ReplicationGroupId: "shop-cache",
      ReplicationGroupDescription: "cache",
      Engine: "redis",
      CacheNodeType: "cache.t4g.micro",
    }),
  );
  const series = new TimestreamWriteClient(at);
  await series.send(new CreateDatabaseCommand({ DatabaseName: "shop" }));
  await series.send(new CreateSeriesCommand({ DatabaseName: "shop", TableName: "prices" }));
  const backup = new BackupClient(at);
  const { BackupPlanId = "" } = await backup.send(
    new CreateBackupPlanCommand({
      BackupPlan: {
        BackupPlanName: "daily",
        Rules: [
          { RuleName: "daily", TargetBackupVaultName: "Default", ScheduleExpression: "cron(0 3 * * ? *)" },
        ],
      },
    }),
  );
  await backup.send(
    new CreateBackupSelectionCommand({
      BackupPlanId,
      BackupSelection: {
        SelectionName: "all",
        IamRoleArn: "arn:aws:iam::123456789012:role/backup",
        Resources: ["*"],
      },
    }),
  );
}

async function makeWatching(at: At): Promise<AwsManifest["monitoring"]> {
  const [sns, sqs, watch] = [new SNSClient(at), new SQSClient(at), new CloudWatchClient(at)];
  const { TopicArn = "" } = await sns.send(new CreateTopicCommand({ Name: "alerts" }));
  const { QueueUrl = "" } = await sqs.send(new CreateQueueCommand({ QueueName: "alerts-probe" }));
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["QueueArn"] }),
  );
  await sns.send(new SubscribeCommand({ TopicArn, Protocol: "sqs", Endpoint: Attributes?.QueueArn }));
  const body = JSON.stringify({
    widgets: [{ type: "text", x: 0, y: 0, width: 6, height: 2, properties: { markdown: "x" } }],
  });
  await watch.send(new PutDashboardCommand({ DashboardName: "shop", DashboardBody: body }));
  for (const AlarmName of ["api-errors", "api-latency"])
    await watch.send(
      new PutMetricAlarmCommand({
        AlarmName,
        ComparisonOperator: "GreaterThanThreshold",
        EvaluationPeriods: 1,
        MetricName: "5xx",
        Namespace: "AWS/ApiGateway",
        Period: 60,
        Statistic: "Sum",
        Threshold: 1,
        ActionsEnabled: true,
        AlarmActions: [TopicArn],
      }),
    );
  return {
    topicArn: TopicArn,
    probeQueueUrl: QueueUrl,
    dashboards: ["shop"],
    alarms: ["api-errors", "api-latency"],
    tracing: true,
  };
}

async function trace(at: At, name: string): Promise<void> {
  const seconds = Date.now() / 1_000;
  const document = {
    name,
    id: randomBytes(8).toString("hex"),
    trace_id: `1-${Math.floor(seconds).toString(16)}-${randomBytes(12).toString("hex")}`,
    start_time: seconds,
    end_time: seconds + 0.01,
    origin: "AWS::Lambda::Function",
  };
  await new XRayClient(at).send(
    new PutTraceSegmentsCommand({ TraceSegmentDocuments: [JSON.stringify(document)] }),
  );
}
