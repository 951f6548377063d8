import {
  type FunctionConfiguration,
  PublishVersionCommand,
  UpdateFunctionCodeCommand,
} from "@aws-sdk/client-lambda";
import type { ManifestFunction } from "../../contract/aws/manifest.ts";
import type { ShippedFunction } from "../../contract/aws/shipment.ts";
import { SlipwayError } from "../../errors.ts";
import { ask, type Shipping } from "../shipping.ts";
import { whenReady } from "./configuration.ts";
import { base64Of } from "./package-function.ts";
import { requireVariables } from "./rules.ts";
import { smokeCall } from "./smoke.ts";

/** A package in the artifacts' bucket. */
export type StoredPackage = Pick<ShippedFunction, "s3Key" | "s3ObjectVersion" | "sha256">;

/** A version that works and that may serve. */
export interface PreparedFunction {
  shipped: ShippedFunction;
  smokeMs: number;
}

/**
 * Makes a version of a function out of a stored package and calls it. No alias is touched, so that nothing of it serves. A function that has this code already is not
 * given it again; AWS then answers the newest version when its configuration did not change either.
 */
export async function prepareFunction(
  shipping: Shipping,
  declared: ManifestFunction,
  stored: StoredPackage,
): Promise<PreparedFunction> {
  const before = await whenReady(shipping, declared);
  if (before.CodeSha256 !== base64Of(stored.sha256)) await updateCode(shipping, declared, stored);
  const ready = await whenReady(shipping, declared);
  requireVariables(declared.name, declared.environment, variablesOf(ready));
  const published = await publish(shipping, declared, stored);
  requireVariables(declared.name, declared.environment, variablesOf(published));
  const version = published.Version ?? "";
  if (published.State === "Pending") await whenReady(shipping, declared, version);
  const smokeMs = await smokeCall(shipping, declared, version);
  return { shipped: { ...stored, version }, smokeMs };
}

function variablesOf(configuration: FunctionConfiguration): Record<string, string> {
  return configuration.Environment?.Variables ?? {};
}

async function updateCode(
  shipping: Shipping,
  { name }: ManifestFunction,
  { s3Key, s3ObjectVersion }: StoredPackage,
): Promise<void> {
  await ask(shipping, { operation: "lambda:UpdateFunctionCode", resource: `function ${name}` }, (options) =>
    shipping.lambda.send(
      new UpdateFunctionCodeCommand({
        FunctionName: name,
        S3Bucket: shipping.manifest.artifactsBucket,
        S3Key: s3Key,
        S3ObjectVersion: s3ObjectVersion,
      }),
      options,
    ),
  );
}

/** Publishes what was uploaded, and refuses what somebody else put there meanwhile. */
async function publish(
  shipping: Shipping,
  { name }: ManifestFunction,
  { sha256 }: StoredPackage,
): Promise<FunctionConfiguration> {
  const CodeSha256 = base64Of(sha256);
  const published = await ask(
    shipping,
    { operation: "lambda:PublishVersion", resource: `function ${name}` },
    (options) => shipping.lambda.send(new PublishVersionCommand({ FunctionName: name, CodeSha256 }), options),
  );
  if (published.CodeSha256 === CodeSha256) return published;
  throw new SlipwayError("aws_conflict", `Function ${name} has other code than was uploaded for it.`, {
    remedy: "Find out who else deploys this function, then deploy again.",
  });
}
