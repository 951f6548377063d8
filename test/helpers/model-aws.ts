import { createHash } from "node:crypto";
import type { CloudFrontClient } from "@aws-sdk/client-cloudfront";
import type { CloudWatchClient } from "@aws-sdk/client-cloudwatch";
import {
  GetAliasCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  type LambdaClient,
  PublishVersionCommand,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
} from "@aws-sdk/client-lambda";
import {
  ListObjectVersionsCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
} from "@aws-sdk/client-s3";
import type { Shipping } from "../../automation/src/aws/shipping.ts";
import type { AwsManifest } from "../../automation/src/contract/aws/manifest.ts";
import { ShipLimits } from "../../automation/src/contract/aws/ship.ts";

interface ModelVersion {
  sha256: string;
  variables: Readonly<Record<string, string>>;
}
interface ModelFunction {
  latest: ModelVersion;
  versions: ModelVersion[];
  alias: string;
}

/** As much of AWS as a shipment asks for, in memory: for properties that are tried hundreds of times. What it does at the edges of AWS's rules the tests against the stand-in show. */
export interface ModelAws {
  shipping: Shipping;
  /** The version that serves a function. */
  serving(name: string): ModelVersion | undefined;
  /** In the order in which they were uploaded. */
  puts: PutObjectCommandInput[];
}

/** `tamper` may change what reaches AWS: the mutants of properties. */
export function makeModelAws(
  manifest: AwsManifest,
  variables: Readonly<Record<string, Readonly<Record<string, string>>>>,
  tamper: (input: PutObjectCommandInput) => PutObjectCommandInput = (input) => input,
): ModelAws {
  const functions = new Map<string, ModelFunction>(
    Object.entries(manifest.functions).map(([name, declared]) => {
      const placeholder = { sha256: "", variables: variables[name] ?? {} };
      return [declared.name, { latest: placeholder, versions: [placeholder], alias: "1" }];
    }),
  );
  const puts: PutObjectCommandInput[] = [];
  const packages = new Map<string, string>();
  const found = (name: string | undefined): ModelFunction => {
    const one = functions.get(name ?? "");
    if (one === undefined)
      throw Object.assign(new Error("no function"), { name: "ResourceNotFoundException" });
    return one;
  };
  const told = (version: ModelVersion, number: string) => ({
    Version: number,
    CodeSha256: version.sha256,
    Environment: { Variables: version.variables },
    State: "Active",
    LastUpdateStatus: "Successful",
  });
  const send = (command: unknown): object => {
    if (command instanceof PutObjectCommand) {
      const input = tamper(command.input);
      puts.push(input);
      const sha256 = createHash("sha256")
        .update(input.Body as Uint8Array)
        .digest("base64");
      packages.set(input.Key ?? "", sha256);
      return { VersionId: `v${puts.length}` };
    }
    if (command instanceof ListObjectVersionsCommand) return { Versions: [], IsTruncated: false };
    if (command instanceof GetFunctionConfigurationCommand) {
      const one = found(command.input.FunctionName);
      const { Qualifier = "$LATEST" } = command.input;
      const version = Qualifier === "$LATEST" ? one.latest : one.versions[Number(Qualifier) - 1];
      return told(version ?? one.latest, Qualifier);
    }
    if (command instanceof UpdateFunctionCodeCommand) {
      const one = found(command.input.FunctionName);
      one.latest = { ...one.latest, sha256: packages.get(command.input.S3Key ?? "") ?? "" };
      return told(one.latest, "$LATEST");
    }
    if (command instanceof PublishVersionCommand) {
      const one = found(command.input.FunctionName);
      one.versions.push(one.latest);
      return told(one.latest, String(one.versions.length));
    }
    if (command instanceof InvokeCommand)
      return { StatusCode: 200, Payload: Buffer.from('{"statusCode":200}') };
    if (command instanceof GetAliasCommand)
      return { FunctionVersion: found(command.input.FunctionName).alias };
    if (command instanceof UpdateAliasCommand) {
      const one = found(command.input.FunctionName);
      one.alias = command.input.FunctionVersion ?? "";
      return { FunctionVersion: one.alias };
    }
    if (String((command as object).constructor.name) === "CreateInvalidationCommand")
      return { Invalidation: { Id: "I1" } };
    if (String((command as object).constructor.name) === "GetInvalidationCommand")
      return { Invalidation: { Status: "Completed" } };
    throw new Error(`the model does not know ${String((command as object).constructor.name)}`);
  };
  const client = { send: (command: unknown) => Promise.resolve().then(() => send(command)), destroy() {} };
  return {
    puts,
    serving: (name) => {
      const one = functions.get(manifest.functions[name]?.name ?? "");
      return one?.versions[Number(one.alias) - 1];
    },
    shipping: {
      manifest,
      limits: ShipLimits.parse({ functionPollSeconds: 0.001, invalidationPollSeconds: 0.001 }),
      tell: () => {},
      signal: new AbortController().signal,
      lambda: client as unknown as LambdaClient,
      s3: client as unknown as S3Client,
      cloudFront: client as unknown as CloudFrontClient,
      cloudWatch: client as unknown as CloudWatchClient,
    },
  };
}
