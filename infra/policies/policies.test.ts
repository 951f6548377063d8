import { beforeAll, describe, expect, test } from "vitest";
import type { ResourceType } from "../components/aws/resource-types.ts";
import { DECLARING_TIMEOUT_MS, type Declared, declare, type Graph } from "../testing/graph.ts";
import { violationsOf } from "../testing/run-policies.ts";
import { configOf } from "../testing/stack-config.ts";
import { policies } from "./policies.ts";

let production: Graph;
let plain: Graph;
beforeAll(async () => {
  production = await declare({
    ...(await configOf("production")),
    "strategyDesk:cache": "redis",
    "strategyDesk:timeSeries": "liveanalytics",
    "strategyDesk:egress": "nat",
    "strategyDesk:firewall": "managed",
  });
  plain = await declare({ ...(await configOf("test")), "strategyDesk:protection": "retiring" });
}, DECLARING_TIMEOUT_MS);

test("the stacks test and production, with everything that can be switched on, violate nothing", async () => {
  expect(await violationsOf(policies, production.resources)).toEqual([]);
  expect(await violationsOf(policies, plain.resources)).toEqual([]);
});

/** A statement that may do more than it needs. */
const policyOf = (statement: object) => JSON.stringify({ Version: "2012-10-17", Statement: [statement] });

/** A fault in one resource, and the policy that must find it. */
interface Fault {
  policy: string;
  what: string;
  type: ResourceType | (string & {});
  /** Default: the first of its type. */
  name?: string;
  /** Undefined takes an input away. */
  inputs: Record<string, unknown>;
  protect?: false;
  says: string;
}

const FAULTS: readonly Fault[] = [
  ...(
    [
      ["aws:cloudwatch/logGroup:LogGroup", "kmsKeyId"],
      ["aws:lambda/function:Function", "kmsKeyArn"],
      ["aws:secretsmanager/secret:Secret", "kmsKeyId"],
      ["aws:sns/topic:Topic", "kmsMasterKeyId"],
      ["aws:sqs/queue:Queue", "kmsMasterKeyId"],
      ["aws:backup/vault:Vault", "kmsKeyArn"],
      ["aws:cloudtrail/trail:Trail", "kmsKeyId"],
      ["aws:elasticache/replicationGroup:ReplicationGroup", "kmsKeyId"],
      ["aws:timestreamwrite/database:Database", "kmsKeyId"],
    ] as const
  ).map(([type, key]) => ({
    policy: "encryption-at-rest",
    what: `${type} without a key`,
    type,
    inputs: { [key]: undefined },
    says: key,
  })),
  {
    policy: "encryption-at-rest",
    what: "a table under AWS's key",
    type: "aws:dynamodb/table:Table",
    inputs: { serverSideEncryption: { enabled: true } },
    says: "stack's key",
  },
  {
    policy: "encryption-at-rest",
    what: "a key that is never renewed",
    type: "aws:kms/key:Key",
    inputs: { enableKeyRotation: false },
    says: "enableKeyRotation",
  },
  {
    policy: "encryption-at-rest",
    what: "a cache whose traffic anyone can read",
    type: "aws:elasticache/replicationGroup:ReplicationGroup",
    inputs: { transitEncryptionEnabled: false },
    says: "transitEncryptionEnabled",
  },
  {
    policy: "no-public-buckets",
    what: "a bucket whose block is half open",
    type: "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    inputs: { blockPublicPolicy: false },
    says: "blockPublicPolicy",
  },
  {
    policy: "no-public-buckets",
    what: "an access list",
    type: "aws:s3/bucketAcl:BucketAcl",
    inputs: { bucket: "b", acl: "public-read" },
    says: "access lists",
  },
  {
    policy: "no-public-buckets",
    what: "a bucket without versions",
    type: "aws:s3/bucketVersioning:BucketVersioning",
    inputs: { versioningConfiguration: { status: "Suspended" } },
    says: "Enabled",
  },
  {
    policy: "buckets-are-complete",
    what: "a bucket that nothing protects",
    type: "aws:s3/bucket:Bucket",
    inputs: { bucket: "another-name" },
    says: "lacks a block of public access",
  },
  {
    policy: "no-public-network",
    what: "a port that is open to everybody",
    type: "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    inputs: { cidrIpv4: "0.0.0.0/0", referencedSecurityGroupId: undefined },
    says: "everybody",
  },
  {
    policy: "no-public-network",
    what: "a subnet with public addresses",
    type: "aws:ec2/subnet:Subnet",
    inputs: { mapPublicIpOnLaunch: true },
    says: "public addresses",
  },
  {
    policy: "no-public-network",
    what: "a function with an address of its own",
    type: "aws:lambda/functionUrl:FunctionUrl",
    inputs: { authorizationType: "NONE" },
    says: "AWS_IAM",
  },
  {
    policy: "tls-1.2",
    what: "a distribution for old browsers",
    type: "aws:cloudfront/distribution:Distribution",
    inputs: { viewerCertificate: { acmCertificateArn: "arn:x", minimumProtocolVersion: "TLSv1.1_2016" } },
    says: "TLS 1.2",
  },
  {
    policy: "tls-1.2",
    what: "CloudFront's own certificate in production",
    type: "aws:cloudfront/distribution:Distribution",
    inputs: { viewerCertificate: { cloudfrontDefaultCertificate: true } },
    says: "domain of its own",
  },
  {
    policy: "tls-1.2",
    what: "a site over HTTP",
    type: "aws:cloudfront/distribution:Distribution",
    inputs: { defaultCacheBehavior: { viewerProtocolPolicy: "allow-all" } },
    says: "HTTP",
  },
  {
    policy: "tls-1.2",
    what: "an API that takes TLS 1.0",
    type: "aws:apigatewayv2/domainName:DomainName",
    inputs: { domainNameConfiguration: { securityPolicy: "TLS_1_0" } },
    says: "TLS_1_2",
  },
  {
    policy: "log-retention",
    what: "logs for ever",
    type: "aws:cloudwatch/logGroup:LogGroup",
    inputs: { retentionInDays: undefined },
    says: "retentionInDays",
  },
  {
    policy: "log-retention",
    what: "logs of a week in production",
    type: "aws:cloudwatch/logGroup:LogGroup",
    inputs: { retentionInDays: 7 },
    says: "90 days",
  },
  {
    policy: "log-retention",
    what: "a function that makes its log group itself",
    type: "aws:lambda/function:Function",
    inputs: { loggingConfig: undefined },
    says: "log group",
  },
  {
    policy: "tags",
    what: "a resource of nobody",
    type: "aws:sqs/queue:Queue",
    inputs: { tags: { system: "strategy-desk", environment: "test", "managed-by": "pulumi" } },
    says: "owner",
  },
  {
    policy: "no-secret-values",
    what: "the value of a secret",
    type: "aws:secretsmanager/secretVersion:SecretVersion",
    inputs: { secretId: "s", secretString: "v" },
    says: "slipway secrets populate",
  },
  {
    policy: "no-secret-values",
    what: "a write-only value",
    type: "aws:secretsmanager/secret:Secret",
    inputs: { secretStringWo: "v" },
    says: "secretStringWo",
  },
  {
    policy: "no-secret-values",
    what: "a key in a variable",
    type: "aws:lambda/function:Function",
    inputs: { environment: { variables: { HARMLESS: "AKIAIOSFODNN7EXAMPLE" } } },
    says: "HARMLESS holds a key",
  },
  {
    policy: "no-secret-values",
    what: "a variable with a password",
    type: "aws:lambda/function:Function",
    inputs: { environment: { variables: { DB_PASSWORD: "x" } } },
    says: "DB_PASSWORD",
  },
  {
    policy: "least-privilege",
    what: "a role that may do everything",
    type: "aws:iam/rolePolicy:RolePolicy",
    inputs: { policy: policyOf({ Sid: "All", Effect: "Allow", Action: "*", Resource: "*" }) },
    says: "everything of *",
  },
  {
    policy: "least-privilege",
    what: "a role that reads every secret",
    type: "aws:iam/rolePolicy:RolePolicy",
    inputs: {
      policy: policyOf({ Sid: "S", Effect: "Allow", Action: "secretsmanager:GetSecretValue", Resource: "*" }),
    },
    says: "secretsmanager:GetSecretValue on everything",
  },
  {
    policy: "least-privilege",
    what: "a role that makes roles",
    type: "aws:iam/rolePolicy:RolePolicy",
    inputs: {
      policy: policyOf({
        Sid: "S",
        Effect: "Allow",
        Action: ["iam:CreateRole"],
        Resource: "arn:aws:iam::1:role/x",
      }),
    },
    says: "iam:PermissionsBoundary",
  },
  {
    policy: "least-privilege",
    what: "a role that passes roles on",
    type: "aws:iam/rolePolicy:RolePolicy",
    inputs: {
      policy: policyOf({
        Sid: "S",
        Effect: "Allow",
        Action: "iam:PassRole",
        Resource: "arn:aws:iam::1:role/x",
      }),
    },
    says: "iam:PassedToService",
  },
  {
    policy: "least-privilege",
    what: "a role for another account's resources",
    type: "aws:iam/role:Role",
    inputs: {
      assumeRolePolicy: policyOf({
        Effect: "Allow",
        Principal: { Service: "lambda.amazonaws.com" },
        Action: "sts:AssumeRole",
      }),
    },
    says: "any account",
  },
  {
    policy: "least-privilege",
    what: "a bucket for everybody",
    type: "aws:s3/bucketPolicy:BucketPolicy",
    inputs: {
      policy: policyOf({ Sid: "S", Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: "x" }),
    },
    says: "to everybody",
  },
  {
    policy: "least-privilege",
    what: "an administrator",
    type: "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    inputs: { policyArn: "arn:aws:iam::aws:policy/AdministratorAccess" },
    says: "whole account",
  },
  {
    policy: "stateful-is-protected",
    what: "a table that a typing error deletes",
    type: "aws:dynamodb/table:Table",
    inputs: {},
    protect: false,
    says: "strategyDesk:protection",
  },
  {
    policy: "stateful-is-protected",
    what: "a table that AWS would delete",
    type: "aws:dynamodb/table:Table",
    inputs: { deletionProtectionEnabled: false },
    says: "deletionProtectionEnabled",
  },
  {
    policy: "stateful-is-protected",
    what: "a bucket that goes with its content",
    type: "aws:s3/bucket:Bucket",
    inputs: { forceDestroy: true },
    says: "what is in it",
  },
];

describe("a planted fault is found, by the policy that is there for it alone", () => {
  test.each(FAULTS)("$policy: $what", async (fault) => {
    const violations = await violationsOf(policies, plant(production.resources, fault));
    expect(violations.map(({ policy }) => policy)).toContain(fault.policy);
    expect(violations.filter(({ policy }) => policy !== fault.policy)).toEqual([]);
    expect(violations.map(({ message }) => message).join("\n")).toContain(fault.says);
  });

  test("every policy has one", () => {
    const planted = new Set(FAULTS.map(({ policy }) => policy));
    expect(policies.map(({ name }) => name).filter((name) => !planted.has(name))).toEqual([]);
  });
});

function plant(resources: readonly Declared[], { type, inputs, protect }: Fault): Declared[] {
  const index = resources.findIndex((one) => one.type === type);
  const old = resources[index] ?? {
    type,
    name: "planted",
    inputs: {},
    protect: false,
    ignoreChanges: [],
    parent: "",
  };
  const changed = Object.entries({ ...old.inputs, ...inputs }).filter(([, value]) => value !== undefined);
  const one = { ...old, protect: protect ?? old.protect, inputs: Object.fromEntries(changed) };
  return index < 0 ? [...resources, one] : resources.with(index, one);
}
