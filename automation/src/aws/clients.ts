import type { AwsSettings } from "./task.ts";

/** Tries of one call unless a task says otherwise. */
const ATTEMPTS = 8;
const CONNECT_LIMIT_MS = 5_000;
/** A function may take half a minute to answer its first call; nothing here waits longer for one answer. */
const ANSWER_LIMIT_MS = 120_000;

/**
 * What every client of AWS is made with: `new LambdaClient(clientSettings(context))`. Throttled and broken calls are tried again with pauses that double. The caller
 * destroys the client.
 */
export function clientSettings(
  settings: AwsSettings,
  attempts = ATTEMPTS,
): {
  region: string;
  endpoint?: string;
  maxAttempts: number;
  retryMode: "standard";
  requestHandler: { connectionTimeout: number; requestTimeout: number; throwOnRequestTimeout: boolean };
} {
  return {
    region: settings.region,
    ...(settings.endpoint === undefined ? {} : { endpoint: settings.endpoint }),
    maxAttempts: attempts,
    retryMode: "standard",
    requestHandler: {
      connectionTimeout: CONNECT_LIMIT_MS,
      requestTimeout: ANSWER_LIMIT_MS,
      throwOnRequestTimeout: true,
    },
  };
}

/** As clientSettings, for S3: another address than AWS's own knows no bucket as a host name, and checksums are those that we give. */
export function objectClientSettings(
  settings: AwsSettings,
  attempts?: number,
): ReturnType<typeof clientSettings> & {
  forcePathStyle: boolean;
  requestChecksumCalculation: "WHEN_REQUIRED";
} {
  return {
    ...clientSettings(settings, attempts),
    forcePathStyle: settings.endpoint !== undefined,
    requestChecksumCalculation: "WHEN_REQUIRED",
  };
}
