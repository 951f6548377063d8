import type { KMSClient } from "@aws-sdk/client-kms";
import { messageOf, SlipwayError } from "../errors.ts";
import type { WrapContext, WrappingKey } from "./wrapping-key.ts";

const CONNECT_TIMEOUT_MS = 3_000;
const REQUEST_TIMEOUT_MS = 10_000;
/** The client repeats what AWS calls transient, with pauses. */
const ATTEMPTS = 3;
/** What AWS KMS answers when the ciphertext is of another key, of another context, or was changed. */
const NOT_OF_THIS_KEY = new Set(["InvalidCiphertextException", "IncorrectKeyException"]);

/**
 * A symmetric key in AWS KMS, by its ARN. Credentials and a private endpoint come from the SDK's own chain. The context is KMS's encryption
 * context: it is part of what is authenticated, and stands in CloudTrail with each call.
 */
export function awsKmsKey(arn: string): WrappingKey {
  const id = `aws-kms:${arn}`;
  const region = arn.split(":")[3] ?? "";
  let client: KMSClient | undefined;
  // The SDK costs a start something; only those who chose it pay.
  const sdk = async () => {
    const { KMSClient, EncryptCommand, DecryptCommand } = await import("@aws-sdk/client-kms");
    client ??= new KMSClient({
      region,
      maxAttempts: ATTEMPTS,
      requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS },
    });
    return { client, EncryptCommand, DecryptCommand };
  };
  const ask = async <T>(what: string, call: () => Promise<T>): Promise<T> => {
    try {
      return await call();
    } catch (cause) {
      if (cause instanceof Error && NOT_OF_THIS_KEY.has(cause.name)) {
        throw new SlipwayError("key_wrong", `The key ${id} does not open this data key.`, {
          cause,
          remedy: "Start with the database that belongs to this key, or restore the row of the data key.",
        });
      }
      const name = cause instanceof Error ? cause.name : "Error";
      throw new SlipwayError(
        "key_unavailable",
        `AWS KMS did not ${what} with ${id}: ${name}: ${messageOf(cause)}`,
        {
          cause,
          remedy: `Check the credentials, that they may kms:Encrypt and kms:Decrypt with the key, that it is enabled, and that KMS in ${region} can be reached.`,
        },
      );
    }
  };
  return {
    id,
    wrap: (context, clear) =>
      ask("encrypt", async () => {
        const { client, EncryptCommand } = await sdk();
        const answer = await client.send(
          new EncryptCommand({ KeyId: arn, Plaintext: clear, EncryptionContext: contextOf(context) }),
        );
        return bytesOf(answer.CiphertextBlob);
      }),
    unwrap: (context, wrapped) =>
      ask("decrypt", async () => {
        const { client, DecryptCommand } = await sdk();
        const answer = await client.send(
          new DecryptCommand({ KeyId: arn, CiphertextBlob: wrapped, EncryptionContext: contextOf(context) }),
        );
        return bytesOf(answer.Plaintext);
      }),
  };
}

function contextOf(context: WrapContext): Record<string, string> {
  return { ...context };
}

function bytesOf(bytes: Uint8Array | undefined): Buffer {
  if (bytes === undefined) throw new Error("the answer holds no bytes");
  return Buffer.from(bytes);
}
