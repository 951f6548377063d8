import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";

/** Postgres's own default. */
const ITERATIONS = 4096;
const SALT_BYTES = 16;

/**
 * What Postgres stores for a password (RFC 5803 in Postgres's spelling). It takes this in place of the password itself, so that
 * a statement that fails, or one that is logged, does not carry the password into the server's log.
 */
export function scramVerifier(password: string): string {
  const salt = randomBytes(SALT_BYTES);
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, "sha256");
  const hmac = (text: string) => createHmac("sha256", salted).update(text).digest();
  const storedKey = createHash("sha256").update(hmac("Client Key")).digest("base64");
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString("base64")}$${storedKey}:${hmac("Server Key").toString("base64")}`;
}
