import type { AwsManifest } from "../../automation/src/contract/aws/manifest.ts";

const ACCOUNT = "123456789012";
const REGION = "eu-central-1";

const functionOf = (name: string) => ({
  name: `shop-${name}`,
  arn: `arn:aws:lambda:${REGION}:${ACCOUNT}:function:shop-${name}`,
  alias: "live",
  logGroup: `/aws/lambda/shop-${name}`,
  environment: [],
  healthPath: `/${name}/health`,
});

/** A manifest whose every field is there. */
export const AN_AWS_MANIFEST: AwsManifest = {
  target: "aws",
  region: REGION,
  environment: "test",
  artifactsBucket: "shop-artifacts",
  kmsKeyArn: `arn:aws:kms:${REGION}:${ACCOUNT}:key/0`,
  functions: { audit: functionOf("audit"), health: functionOf("health") },
  api: { id: "api", url: "https://api.example", stage: "$default", domain: null },
  site: {
    bucket: "shop-site",
    distributionId: "E1",
    distributionDomain: "d1.cloudfront.net",
    url: "https://d1.cloudfront.net",
    domain: null,
    flags: {},
  },
  dns: null,
  certificates: { site: null, api: null },
  dataStores: { tables: {}, cache: null, timeSeries: { kind: "none" }, backupPlans: [] },
  secrets: {},
  monitoring: {
    topicArn: `arn:aws:sns:${REGION}:${ACCOUNT}:alerts`,
    probeQueueUrl: "https://sqs.example/queue",
    dashboards: [],
    alarms: [],
    tracing: true,
  },
};
