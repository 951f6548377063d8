import { CloudFrontClient } from "@aws-sdk/client-cloudfront";
import { CloudWatchClient } from "@aws-sdk/client-cloudwatch";
import { LambdaClient } from "@aws-sdk/client-lambda";
import { S3Client } from "@aws-sdk/client-s3";
import type { AwsManifest } from "../contract/aws/manifest.ts";
import type { ShipLimits } from "../contract/aws/ship.ts";
import { SlipwayError } from "../errors.ts";
import { clientSettings, objectClientSettings } from "./clients.ts";
import { type Asked, awsFailure } from "./failures.ts";
import type { AwsContext } from "./task.ts";

/** What the parts of a shipment share while it runs. */
export interface Shipping {
  manifest: AwsManifest;
  limits: ShipLimits;
  tell: (line: string) => void;
  signal: AbortSignal;
  lambda: LambdaClient;
  s3: S3Client;
  cloudFront: CloudFrontClient;
  cloudWatch: CloudWatchClient;
}

/** Putting back has its own time, so that a cancelled shipment ends in order too. */
const PUT_BACK_LIMIT_MS = 5 * 60_000;

/** Runs `work` with clients that are gone afterwards. */
export async function withShipping<T>(
  { manifest, limits }: { manifest: AwsManifest; limits: ShipLimits },
  context: AwsContext,
  work: (shipping: Shipping) => Promise<T>,
): Promise<T> {
  const settings = clientSettings(context, limits.attempts);
  const shipping: Shipping = {
    manifest,
    limits,
    tell: context.tell,
    signal: context.signal,
    lambda: new LambdaClient(settings),
    s3: new S3Client(objectClientSettings(context, limits.attempts)),
    cloudFront: new CloudFrontClient(settings),
    cloudWatch: new CloudWatchClient(settings),
  };
  try {
    return await work(shipping);
  } finally {
    for (const client of [shipping.lambda, shipping.s3, shipping.cloudFront, shipping.cloudWatch])
      client.destroy();
  }
}

/** The same shipping while it puts things back: a cancellation no longer stops it. */
export function puttingBack(shipping: Shipping): Shipping {
  return { ...shipping, signal: AbortSignal.timeout(PUT_BACK_LIMIT_MS) };
}

/** Calls AWS. What it refuses, and a way that does not lead there, become a SlipwayError that names the call and the remedy. */
export async function ask<T>(
  { signal }: { signal: AbortSignal },
  asked: Asked,
  call: (options: { abortSignal: AbortSignal }) => Promise<T>,
): Promise<T> {
  stopIfCancelled(signal);
  try {
    return await call({ abortSignal: signal });
  } catch (thrown) {
    stopIfCancelled(signal, thrown);
    throw awsFailure(thrown, asked);
  }
}

/** Throws `ship_cancelled` once the signal was given. */
export function stopIfCancelled(signal: AbortSignal, cause?: unknown): void {
  if (!signal.aborted) return;
  throw new SlipwayError("ship_cancelled", "The shipment was stopped before it was done.", {
    cause: cause ?? signal.reason,
    remedy: "Deploy again: a shipment begins anew.",
  });
}
