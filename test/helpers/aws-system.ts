import { CloudFrontClient, CreateDistributionCommand } from "@aws-sdk/client-cloudfront";
import { CreateRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import { GetAliasCommand, InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import {
  CreateBucketCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import type { AwsManifest } from "../../automation/src/contract/aws/manifest.ts";
import type { Aws } from "./aws.ts";
import { AN_AWS_MANIFEST } from "./aws-manifest.ts";

const FUNCTIONS = ["audit", "health"];
const REGION = "us-east-1";
const ACCOUNT = "123456789012";
const ROLE_POLICY = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" }],
});

/** What a stack on AWS has beside its functions, made by hand; and what of it, and of them, serves. */
export interface AwsSystem {
  /** Of its functions. */
  roleArn: string;
  manifest: AwsManifest;
  /** What calls of the functions' aliases answer, by function. */
  served(): Promise<Record<string, string>>;
  /** The versions at which the aliases stand, by function. */
  aliases(): Promise<Record<string, string>>;
  /** The shares (0 to 1) of the aliases' calls that other versions take, by function and version. */
  shares(): Promise<Record<string, Record<string, number>>>;
  /** What people get of the site, through the edge. */
  page(path: string): Promise<{ status: number; text: string }>;
}

/** Makes it under names that begin with `prefix`. */
export async function makeAwsSystem(aws: Aws, prefix: string): Promise<AwsSystem> {
  const settings = {
    endpoint: aws.url,
    region: REGION,
    credentials: { accessKeyId: "testing", secretAccessKey: "testing" },
  };
  const lambda = new LambdaClient(settings);
  const s3 = new S3Client({ ...settings, forcePathStyle: true });
  const [artifactsBucket, bucket] = [`${prefix}-artifacts`, `${prefix}-site`];
  for (const name of [artifactsBucket, bucket]) {
    await s3.send(new CreateBucketCommand({ Bucket: name }));
    await s3.send(
      new PutBucketVersioningCommand({ Bucket: name, VersioningConfiguration: { Status: "Enabled" } }),
    );
  }
  const role = await new IAMClient(settings).send(
    new CreateRoleCommand({ RoleName: prefix, AssumeRolePolicyDocument: ROLE_POLICY }),
  );
  const functions = Object.fromEntries(
    FUNCTIONS.map((name) => [
      name,
      {
        name: `${prefix}-${name}`,
        arn: `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${prefix}-${name}`,
        alias: "live",
        logGroup: `/aws/lambda/${prefix}-${name}`,
        environment: ["STAGE"],
        healthPath: `/${name}/health`,
      },
    ]),
  );
  const { Distribution: distribution } = await new CloudFrontClient(settings).send(
    new CreateDistributionCommand({
      DistributionConfig: {
        CallerReference: prefix,
        Comment: prefix,
        Enabled: true,
        DefaultRootObject: "index.html",
        Origins: {
          Quantity: 1,
          Items: [
            {
              Id: "site",
              DomainName: `${bucket}.s3.${REGION}.amazonaws.com`,
              S3OriginConfig: { OriginAccessIdentity: "" },
            },
          ],
        },
        DefaultCacheBehavior: {
          TargetOriginId: "site",
          ViewerProtocolPolicy: "redirect-to-https",
          ForwardedValues: { QueryString: false, Cookies: { Forward: "none" } },
          MinTTL: 0,
        },
      },
    }),
  );
  await s3.send(
    new PutBucketPolicyCommand({
      Bucket: bucket,
      Policy: JSON.stringify({
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Principal: { Service: "cloudfront.amazonaws.com" },
            Action: "s3:GetObject",
            Resource: `arn:aws:s3:::${bucket}/*`,
            Condition: { StringEquals: { "AWS:SourceArn": distribution?.ARN } },
          },
        ],
      }),
    }),
  );
  const domain = distribution?.DomainName ?? "";
  const manifest: AwsManifest = {
    ...AN_AWS_MANIFEST,
    region: REGION,
    artifactsBucket,
    functions,
    site: {
      ...AN_AWS_MANIFEST.site,
      bucket,
      distributionId: distribution?.Id ?? "",
      distributionDomain: domain,
      url: `https://${domain}`,
    },
  };
  const each = async <T>(what: (name: string) => Promise<T>): Promise<Record<string, T>> =>
    Object.fromEntries(
      await Promise.all(FUNCTIONS.map(async (name) => [name, await what(`${prefix}-${name}`)] as const)),
    );
  const aliasOf = (FunctionName: string) => lambda.send(new GetAliasCommand({ FunctionName, Name: "live" }));
  return {
    roleArn: role.Role?.Arn ?? "",
    manifest,
    served: () =>
      each(async (name) => {
        const { Payload } = await lambda.send(new InvokeCommand({ FunctionName: name, Qualifier: "live" }));
        return (JSON.parse(Buffer.from(Payload ?? []).toString("utf8")) as { body: string }).body;
      }),
    aliases: () => each(async (name) => (await aliasOf(name)).FunctionVersion ?? ""),
    shares: () => each(async (name) => (await aliasOf(name)).RoutingConfig?.AdditionalVersionWeights ?? {}),
    page: async (path) => {
      const answer = await fetch(new URL(path, manifest.site.url));
      return { status: answer.status, text: await answer.text() };
    },
  };
}
