import { createHmac, randomBytes } from "node:crypto";

/** Bytes of a signing secret; the specification asks for 24 to 64. */
const SECRET_BYTES = 32;
const PREFIX = "whsec_";

/** A new signing secret in the form that receivers' libraries take: `whsec_` and base64. */
export function makeSigningSecret(): string {
  return `${PREFIX}${randomBytes(SECRET_BYTES).toString("base64")}`;
}

/**
 * The headers of one try, as Standard Webhooks (github.com/standard-webhooks/standard-webhooks, version 1) has them: HMAC-SHA256 over id, time and the body's bytes. While a secret is
 * being replaced both sign, separated by a space. `at` is the time of the try: receivers refuse what is minutes old.
 */
export function signatureHeaders(
  message: { id: string; at: Date; body: Uint8Array },
  secrets: readonly string[],
): Record<string, string> {
  const timestamp = String(Math.floor(message.at.getTime() / 1000));
  return {
    "webhook-id": message.id,
    "webhook-timestamp": timestamp,
    "webhook-signature": secrets.map((secret) => sign(message, timestamp, secret)).join(" "),
  };
}

function sign(message: { id: string; body: Uint8Array }, timestamp: string, secret: string): string {
  const hmac = createHmac("sha256", Buffer.from(secret.slice(PREFIX.length), "base64"));
  return `v1,${hmac.update(`${message.id}.${timestamp}.`).update(message.body).digest("base64")}`;
}
