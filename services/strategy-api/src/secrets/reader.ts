import { inspect } from "node:util";
import {
  GetSecretValueCommand,
  ResourceNotFoundException,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";

const CONNECT_TIMEOUT_MS = 2_000;
const REQUEST_TIMEOUT_MS = 5_000;
/** A value that was put in place without a new version of the function is seen after this long. */
export const SECRET_TTL_MS = 5 * 60_000;

/** A value that prints as [secret] wherever it is written by accident. */
export type Secret = { readonly versionId: string; reveal(): string };

/** `empty`: nothing was put into the slot yet. */
export type SecretState = {
  readonly slot: string;
  readonly state: "present" | "empty" | "unreadable";
  readonly versionId: string | null;
};

export type SecretReader = {
  /** The current value of a slot; undefined when it is empty. Rejects when it cannot be read. */
  read(slot: string): Promise<Secret | undefined>;
  /** All slots, read at the same time. Never rejects: a failure is the slot's state, and is told to `onFailure`. */
  states(onFailure: (slot: string, error: unknown) => void): Promise<SecretState[]>;
};

/** Opens no connection yet; region and credentials are the environment's. The caller destroys it. */
export function openSecretsClient(): SecretsManagerClient {
  return new SecretsManagerClient({
    requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS },
  });
}

/**
 * Reads secrets by ARN and keeps them in memory for SECRET_TTL_MS. A new SECRETS_EPOCH is a new version of the function and so a new process: nothing read before
 * is left in it.
 */
export function createSecretReader(options: {
  readonly client: SecretsManagerClient;
  readonly arns: Readonly<Record<string, string>>;
  readonly nowMs: () => number;
}): SecretReader {
  const { client, arns, nowMs } = options;
  const held = new Map<string, { readonly secret: Secret; readonly until: number }>();

  async function read(slot: string): Promise<Secret | undefined> {
    const known = held.get(slot);
    if (known !== undefined && known.until > nowMs()) return known.secret;
    const arn = arns[slot];
    if (arn === undefined) throw new Error(`The function was not given the secret ${slot}.`);
    try {
      // The stage is named: after a stage was moved by hand, a call without one may answer the version before.
      const command = new GetSecretValueCommand({ SecretId: arn, VersionStage: "AWSCURRENT" });
      const { SecretString, VersionId } = await client.send(command);
      if (SecretString === undefined || VersionId === undefined) return undefined;
      const secret = concealed(SecretString, VersionId);
      held.set(slot, { secret, until: nowMs() + SECRET_TTL_MS });
      return secret;
    } catch (error) {
      // Also the answer for a secret that has no current version.
      if (error instanceof ResourceNotFoundException) return undefined;
      throw error;
    }
  }

  return {
    read,
    states: (onFailure) =>
      Promise.all(
        Object.keys(arns).map(async (slot): Promise<SecretState> => {
          try {
            const secret = await read(slot);
            if (secret === undefined) return { slot, state: "empty", versionId: null };
            return { slot, state: "present", versionId: secret.versionId };
          } catch (error) {
            onFailure(slot, error);
            return { slot, state: "unreadable", versionId: null };
          }
        }),
      ),
  };
}

function concealed(value: string, versionId: string): Secret {
  const hidden = () => "[secret]";
  return Object.defineProperties(
    { versionId, reveal: () => value },
    {
      toString: { value: hidden },
      toJSON: { value: hidden },
      [inspect.custom]: { value: hidden },
    },
  );
}
