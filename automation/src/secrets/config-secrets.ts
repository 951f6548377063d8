import { createHash } from "node:crypto";
import type { StoredConfig } from "../database/tables.ts";
import type { Database } from "../database.ts";
import { isFormatOne } from "./installation-key.ts";
import type { Keyring } from "./keyring.ts";

/** A config value as the engine takes it. */
export interface ClearConfigValue {
  secret: boolean;
  value: string;
}

/** Encrypts one config value of a stack, in the form in which the Pulumi CLI gets ciphertexts too. */
export function sealConfigValue(
  keyring: Keyring,
  db: Database,
  stackId: string,
  value: string,
): Promise<Buffer> {
  return keyring.seal(db, stackId, "config", Buffer.from(value, "utf8"));
}

/** Decrypts a snapshot of a stack's config (`deployments.config`, `releases.config`) for a run. Throws `secret_unreadable`. */
export async function openConfig(
  keyring: Keyring,
  db: Database,
  stackId: string,
  config: StoredConfig,
): Promise<Record<string, ClearConfigValue>> {
  const clear: Record<string, ClearConfigValue> = {};
  for (const [key, stored] of Object.entries(config)) {
    const value = stored.secret
      ? await openValue(keyring, db, stackId, key, stored.ciphertext)
      : stored.value;
    clear[key] = { secret: stored.secret, value };
  }
  return clear;
}

async function openValue(
  keyring: Keyring,
  db: Database,
  stackId: string,
  key: string,
  ciphertext: string,
): Promise<string> {
  const sealed = Buffer.from(ciphertext, "base64");
  if (isFormatOne(sealed)) return keyring.installation.open({ stackId, key }, sealed);
  return (await keyring.open(db, stackId, "config", sealed)).toString("utf8");
}

/**
 * `sha256:` digest of a stack's config. A secret takes part as an HMAC of its value, so that equal configs have equal digests although each
 * ciphertext is different, whichever key sealed it, and nobody without the key can try values against the digest.
 */
export async function configDigest(
  keyring: Keyring,
  db: Database,
  stackId: string,
  config: StoredConfig,
): Promise<string> {
  const clear = await openConfig(keyring, db, stackId, config);
  const parts = Object.entries(clear)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, { secret, value }]) => [name, secret, secret ? keyring.installation.macOf(value) : value]);
  return `sha256:${createHash("sha256").update(JSON.stringify(parts)).digest("hex")}`;
}
