import { randomUUID } from "node:crypto";
import type { DescribeSecretCommandOutput } from "@aws-sdk/client-secrets-manager";
import {
  DescribeSecretCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { SlipwayError } from "../../errors.ts";
import { clientSettings } from "../clients.ts";
import { awsFailure } from "../failures.ts";
import type { AwsSettings } from "../task.ts";
import type { SecretValue } from "./formats.ts";

/** The stage of the version that readers get. */
const CURRENT = "AWSCURRENT";

/** Where a slot's value goes. */
export interface SecretPlace {
  slot: string;
  arn: string;
  /** Of the stack: what its secrets are sealed with. */
  kmsKeyArn: string;
}

/** A client of Secrets Manager; whoever makes it destroys it. */
export function secretsClient(settings: AwsSettings): SecretsManagerClient {
  return new SecretsManagerClient(clientSettings(settings));
}

/**
 * Stores a value as the current version of a slot's secret, and answers the version's id once Secrets Manager says that readers get it. The value goes nowhere else and is never read
 * back. Throws SlipwayError `secret_key_mismatch` before anything is stored when the secret is not sealed with the stack's key, `secret_not_current`, and the codes of awsFailure.
 */
export async function putSecret(
  client: SecretsManagerClient,
  place: SecretPlace,
  value: SecretValue,
  signal: AbortSignal,
): Promise<string> {
  const before = await describe(client, place, signal);
  requireKey(before, place);
  // One id for all tries of this call: a repeated one stores nothing twice.
  const versionId = randomUUID();
  try {
    await client.send(
      new PutSecretValueCommand({
        SecretId: place.arn,
        ClientRequestToken: versionId,
        SecretString: JSON.stringify(value),
        VersionStages: [CURRENT],
      }),
      { abortSignal: signal },
    );
  } catch (thrown) {
    throw awsFailure(thrown, {
      operation: "secretsmanager:PutSecretValue",
      resource: `secret ${place.slot}`,
    });
  }
  const after = await describe(client, place, signal);
  if (after.VersionIdsToStages?.[versionId]?.includes(CURRENT) === true) return versionId;
  throw new SlipwayError(
    "secret_not_current",
    `The version that was put into ${place.slot} is not the current one.`,
    {
      remedy: "Somebody else put another at the same time. Look who, and run the command again.",
    },
  );
}

async function describe(
  client: SecretsManagerClient,
  { slot, arn }: SecretPlace,
  signal: AbortSignal,
): Promise<DescribeSecretCommandOutput> {
  try {
    return await client.send(new DescribeSecretCommand({ SecretId: arn }), { abortSignal: signal });
  } catch (thrown) {
    throw awsFailure(thrown, { operation: "secretsmanager:DescribeSecret", resource: `secret ${slot}` });
  }
}

function requireKey(
  { KmsKeyId, DeletedDate }: DescribeSecretCommandOutput,
  { slot, kmsKeyArn }: SecretPlace,
): void {
  if (DeletedDate !== undefined) {
    throw new SlipwayError(
      "secret_key_mismatch",
      `The secret ${slot} is about to be deleted. Nothing was stored.`,
      {
        remedy: "Restore it, or deploy the stack again.",
      },
    );
  }
  if (KmsKeyId !== undefined && (KmsKeyId === kmsKeyArn || kmsKeyArn.endsWith(`:key/${KmsKeyId}`))) return;
  throw new SlipwayError(
    "secret_key_mismatch",
    `The secret ${slot} is sealed with ${KmsKeyId ?? "the account's default key"} and not with the stack's key. Nothing was stored.`,
    { remedy: "Deploy the stack again so that its secrets get its key; then run the command again." },
  );
}
