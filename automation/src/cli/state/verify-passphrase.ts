import { createDecipheriv, pbkdf2 } from "node:crypto";
import { promisify } from "node:util";

/*
 * The salt line of Pulumi's passphrase provider, `v1:<salt>:v1:<nonce>:<ciphertext and tag>` in base64: under the key that PBKDF2-HMAC-SHA256 makes of
 * passphrase and salt it seals a known word. Source: sdk/go/common/resource/config/crypt.go at 3.250.0.
 */
const ITERATIONS = 1_000_000;
const KEY_BYTES = 32;
const TAG_BYTES = 16;
const KNOWN_WORD = "pulumi";
const deriveKey = promisify(pbkdf2);

/** Whether a passphrase is that of a state. Takes a third of a second. False also for a salt line that is none. */
export async function isPassphraseOf(encryptionSalt: string, passphrase: string): Promise<boolean> {
  const [version, salt, valueVersion, nonce, sealed] = encryptionSalt.split(":");
  if (
    version !== "v1" ||
    valueVersion !== "v1" ||
    salt === undefined ||
    nonce === undefined ||
    sealed === undefined
  )
    return false;
  const key = await deriveKey(passphrase, Buffer.from(salt, "base64"), ITERATIONS, KEY_BYTES, "sha256");
  const bytes = Buffer.from(sealed, "base64");
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, Buffer.from(nonce, "base64"), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
    const clear = Buffer.concat([
      decipher.update(bytes.subarray(0, bytes.length - TAG_BYTES)),
      decipher.final(),
    ]);
    return clear.toString("utf8") === KNOWN_WORD;
  } catch {
    // The tag does not fit: another passphrase, or no salt line.
    return false;
  }
}
