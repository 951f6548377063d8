import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  CloudFrontClient,
  CreateDistributionCommand,
  ListInvalidationsCommand,
} from "@aws-sdk/client-cloudfront";
import { CreateRoleCommand, GetRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import {
  CreateAliasCommand,
  CreateFunctionCommand,
  GetAliasCommand,
  InvokeCommand,
  LambdaClient,
  PublishVersionCommand,
  UpdateFunctionConfigurationCommand,
} from "@aws-sdk/client-lambda";
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutBucketVersioningCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { zipSync } from "fflate";
import type { AwsContext } from "../../automation/src/aws/task.ts";
import type { AwsManifest } from "../../automation/src/contract/aws/manifest.ts";
import type { Aws } from "./aws.ts";
import { AN_AWS_MANIFEST } from "./aws-manifest.ts";

const PLACEHOLDER = `export const handler = () => ({ statusCode: 503, body: "nothing was shipped" });`;

let beds = 0;

/** What a stack of the target `aws` has before anything is shipped: made by hand, so that shipping alone is tested. */
export interface ShippingBed {
  manifest: AwsManifest;
  context: AwsContext;
  /** What was told to people. */
  told: string[];
  lambda: LambdaClient;
  s3: S3Client;
  /** A context whose tasks `stop` cancels. */
  stoppable(): { context: AwsContext; stop: () => void };
  /** Writes folders of functions, each answering its text; `body` replaces the code of a handler. Answers the parent folder. */
  writeFunctions(texts: Readonly<Record<string, string>>): Promise<string>;
  /** Writes a site. Answers its folder. */
  writeSite(files: Readonly<Record<string, string>>): Promise<string>;
  /** What the alias answers, per function: body of the answer. */
  answers(): Promise<Record<string, unknown>>;
  aliasOf(name: string): Promise<{ version: string; weights: Record<string, number> }>;
  /** Of every function. */
  aliases(): Promise<Record<string, { version: string; weights: Record<string, number> }>>;
  setVariables(name: string, variables: Record<string, string>): Promise<void>;
  /** Everything that the site's bucket serves: text, type and cache-control by key. */
  site(): Promise<Record<string, { text: string; type: string; cache: string }>>;
  invalidations(): Promise<number>;
  stop(): Promise<void>;
}

/** Handler that answers a text to everything. */
export function answering(text: string): string {
  return `export const handler = async () => ({ statusCode: 200, body: ${JSON.stringify(text)} });`;
}

/** Handler whose health call answers a status, and everything else what `text` says. */
export function answeringHealth(status: number, text: string): string {
  return `export const handler = async (event) => event.rawPath?.endsWith("/health")
  ? { statusCode: ${status}, body: "health" } : { statusCode: 200, body: ${JSON.stringify(text)} };`;
}

/** Makes buckets, functions with a placeholder and their aliases, and a distribution, beside those of other beds. */
export async function makeShippingBed(
  aws: Aws,
  names: readonly string[] = ["audit", "health"],
): Promise<ShippingBed> {
  Object.assign(process.env, aws.env);
  const settings = { region: AN_AWS_MANIFEST.region, endpoint: aws.url, maxAttempts: 1 };
  const lambda = new LambdaClient(settings);
  const s3 = new S3Client({ ...settings, forcePathStyle: true });
  const cloudFront = new CloudFrontClient(settings);
  const folder = await mkdtemp(path.join(tmpdir(), "slipway-shipping-"));
  const number = beds++;
  const artifactsBucket = `${AN_AWS_MANIFEST.artifactsBucket}-${number}`;
  const site = { ...AN_AWS_MANIFEST.site, bucket: `${AN_AWS_MANIFEST.site.bucket}-${number}` };
  for (const Bucket of [artifactsBucket, site.bucket]) {
    await s3.send(
      new CreateBucketCommand({
        Bucket,
        CreateBucketConfiguration: { LocationConstraint: "eu-central-1" },
      }),
    );
    await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }));
  }
  const functions: AwsManifest["functions"] = {};
  const role = await makeRole(settings);
  for (const name of names) functions[name] = await makeFunction(lambda, name, number, role);
  const { Distribution } = await cloudFront.send(
    new CreateDistributionCommand({
      DistributionConfig: {
        CallerReference: `bed-${number}`,
        Comment: "",
        Enabled: true,
        Origins: {
          Quantity: 1,
          Items: [
            {
              Id: "site",
              DomainName: `${site.bucket}.s3.eu-central-1.amazonaws.com`,
              S3OriginConfig: { OriginAccessIdentity: "" },
            },
          ],
        },
        DefaultCacheBehavior: { TargetOriginId: "site", ViewerProtocolPolicy: "redirect-to-https" },
      },
    }),
  );
  const distributionId = Distribution?.Id ?? "";
  const manifest: AwsManifest = {
    ...AN_AWS_MANIFEST,
    artifactsBucket,
    functions,
    site: { ...site, distributionId, flags: { backtests: true } },
  };
  const told: string[] = [];
  const context: AwsContext = {
    region: manifest.region,
    endpoint: aws.url,
    tell: (line) => void told.push(line),
    signal: new AbortController().signal,
  };
  let written = 0;
  const aliasOf: ShippingBed["aliasOf"] = async (name) => {
    const alias = await lambda.send(
      new GetAliasCommand({ FunctionName: functions[name]?.name, Name: "live" }),
    );
    return {
      version: alias.FunctionVersion ?? "",
      weights: alias.RoutingConfig?.AdditionalVersionWeights ?? {},
    };
  };
  return {
    manifest,
    context,
    told,
    lambda,
    s3,
    stoppable: () => {
      const stopping = new AbortController();
      return { context: { ...context, signal: stopping.signal }, stop: () => stopping.abort() };
    },
    writeFunctions: async (texts) => {
      const parent = path.join(folder, `functions-${written++}`);
      for (const [name, code] of Object.entries(texts)) {
        await mkdir(path.join(parent, name), { recursive: true });
        await writeFile(path.join(parent, name, "index.mjs"), code);
      }
      return parent;
    },
    writeSite: async (files) => {
      const parent = path.join(folder, `site-${written++}`);
      for (const [key, text] of Object.entries(files)) {
        await mkdir(path.dirname(path.join(parent, key)), { recursive: true });
        await writeFile(path.join(parent, key), text);
      }
      return parent;
    },
    answers: async () => {
      const all: Record<string, unknown> = {};
      for (const [name, declared] of Object.entries(functions)) {
        const { Payload } = await lambda.send(
          new InvokeCommand({
            FunctionName: declared.name,
            Qualifier: declared.alias,
            Payload: JSON.stringify({ rawPath: "/" }),
          }),
        );
        all[name] = (JSON.parse(Buffer.from(Payload ?? []).toString()) as { body?: unknown }).body;
      }
      return all;
    },
    aliasOf,
    aliases: async () => {
      const all: Awaited<ReturnType<ShippingBed["aliases"]>> = {};
      for (const name of names) all[name] = await aliasOf(name);
      return all;
    },
    setVariables: async (name, variables) => {
      await lambda.send(
        new UpdateFunctionConfigurationCommand({
          FunctionName: functions[name]?.name,
          Environment: { Variables: variables },
        }),
      );
    },
    site: async () => {
      const all: Record<string, { text: string; type: string; cache: string }> = {};
      const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: site.bucket }));
      for (const { Key = "" } of Contents) {
        const found = await s3.send(new GetObjectCommand({ Bucket: site.bucket, Key }));
        all[Key] = {
          text: (await found.Body?.transformToString()) ?? "",
          type: found.ContentType ?? "",
          cache: found.CacheControl ?? "",
        };
      }
      return all;
    },
    invalidations: async () =>
      (await cloudFront.send(new ListInvalidationsCommand({ DistributionId: distributionId })))
        .InvalidationList?.Items?.length ?? 0,
    stop: async () => {
      for (const client of [lambda, s3, cloudFront]) client.destroy();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function makeRole(settings: { region: string; endpoint: string }): Promise<string> {
  const iam = new IAMClient(settings);
  const principal = {
    Effect: "Allow",
    Principal: { Service: "lambda.amazonaws.com" },
    Action: "sts:AssumeRole",
  };
  const RoleName = "shop-functions";
  const { Role } = await iam
    .send(
      new CreateRoleCommand({
        RoleName,
        AssumeRolePolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement: [principal] }),
      }),
    )
    // Another bed's.
    .catch(() => iam.send(new GetRoleCommand({ RoleName })));
  iam.destroy();
  return Role?.Arn ?? "";
}

async function makeFunction(
  lambda: LambdaClient,
  name: string,
  number: number,
  role: string,
): Promise<AwsManifest["functions"][string]> {
  const functionName = `shop-${name}-${number}`;
  const ZipFile = zipSync({ "index.mjs": Buffer.from(PLACEHOLDER) }, { mtime: new Date(1980, 0, 1) });
  const made = await lambda.send(
    new CreateFunctionCommand({
      FunctionName: functionName,
      Runtime: "nodejs22.x",
      Role: role,
      Handler: "index.handler",
      Code: { ZipFile },
      Environment: { Variables: { TABLE: "one", EPOCH: "1" } },
    }),
  );
  await lambda.send(new PublishVersionCommand({ FunctionName: functionName }));
  await lambda.send(
    new CreateAliasCommand({ FunctionName: functionName, Name: "live", FunctionVersion: "1" }),
  );
  return {
    name: functionName,
    arn: made.FunctionArn ?? "",
    alias: "live",
    logGroup: `/aws/lambda/${functionName}`,
    environment: ["TABLE", "EPOCH"],
    healthPath: `/${name}/health`,
  };
}
