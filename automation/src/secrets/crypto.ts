import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync, randomBytes } from "node:crypto";
import path from "node:path";
import type { StoredConfig } from "../database/tables.ts";
import { SlipwayError } from "../errors.ts";
import { readOrMakePrivateFile } from "./private-file.ts";

const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** First byte of a ciphertext, so that a later form can be told from this one. */
const FORMAT = 1;

/** The installation's keys, never written to a log: prints as `[secret]`. */
export class SecretKey {
  readonly #sealing: Buffer;
  readonly #digesting: Buffer;

  constructor(master: Buffer) {
    if (master.length !== KEY_BYTES) throw new Error("a secret key has 32 bytes");
    this.#sealing = derive(master, "slipway seal v1");
    this.#digesting = derive(master, "slipway config digest v1");
  }

  get sealing(): Buffer {
    return this.#sealing;
  }
  get digesting(): Buffer {
    return this.#digesting;
  }
  toString(): string {
    return "[secret]";
  }
  toJSON(): string {
    return "[secret]";
  }
}

/** Where a sealed value belongs. A ciphertext moved to another stack or key does not open. */
export interface SecretPlace {
  stackId: string;
  key: string;
}

/** A config value as the engine takes it. */
export interface ClearConfigValue {
  secret: boolean;
  value: string;
}

/** Reads `<data>/secret.key`, or makes it at the first start (0600, 32 random bytes as base64). */
export async function loadSecretKey(dataDir: string): Promise<SecretKey> {
  const file = path.join(dataDir, "secret.key");
  const { content } = await readOrMakePrivateFile(
    file,
    () => `${randomBytes(KEY_BYTES).toString("base64")}\n`,
  );
  const master = Buffer.from(content.trim(), "base64");
  if (master.length !== KEY_BYTES) {
    throw new SlipwayError("secret_key_damaged", `${file} does not hold a key.`, {
      remedy: "Restore it from a backup; without it the secrets in the database cannot be read.",
    });
  }
  return new SecretKey(master);
}

/** Encrypts one value for one place: format byte, nonce, tag, AES-256-GCM ciphertext. */
export function seal(key: SecretKey, place: SecretPlace, value: string): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key.sealing, nonce).setAAD(associatedData(place));
  const body = Buffer.concat([cipher.update(value, "utf8"), cipher.final()]);
  return Buffer.concat([Buffer.from([FORMAT]), nonce, cipher.getAuthTag(), body]);
}

/** Decrypts what `seal` made for the same place. Throws SlipwayError `secret_unreadable` for anything else. */
export function open(key: SecretKey, place: SecretPlace, sealed: Buffer): string {
  try {
    if (sealed[0] !== FORMAT) throw new Error("unknown format");
    const nonce = sealed.subarray(1, 1 + NONCE_BYTES);
    const tag = sealed.subarray(1 + NONCE_BYTES, 1 + NONCE_BYTES + TAG_BYTES);
    const decipher = createDecipheriv(CIPHER, key.sealing, nonce, { authTagLength: TAG_BYTES })
      .setAAD(associatedData(place))
      .setAuthTag(tag);
    const body = sealed.subarray(1 + NONCE_BYTES + TAG_BYTES);
    return Buffer.concat([decipher.update(body), decipher.final()]).toString("utf8");
  } catch (cause) {
    throw new SlipwayError("secret_unreadable", `The secret ${place.key} cannot be decrypted.`, {
      cause,
      remedy: "Restore secret.key of this installation, or set the value again.",
    });
  }
}

/** Decrypts a snapshot of a stack's config (`deployments.config`, `releases.config`) for a run. */
export function openConfig(
  key: SecretKey,
  stackId: string,
  config: StoredConfig,
): Record<string, ClearConfigValue> {
  return Object.fromEntries(
    Object.entries(config).map(([name, stored]) => {
      const value = stored.secret
        ? open(key, { stackId, key: name }, Buffer.from(stored.ciphertext, "base64"))
        : stored.value;
      return [name, { secret: stored.secret, value }];
    }),
  );
}

/**
 * `sha256:` digest of a stack's config. A secret takes part as an HMAC of its value, so that equal configs have equal
 * digests although each ciphertext is different, and nobody without the key can try values against the digest.
 */
export function configDigest(key: SecretKey, stackId: string, config: StoredConfig): string {
  const clear = openConfig(key, stackId, config);
  const parts = Object.entries(clear)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, { secret, value }]) => [name, secret, secret ? macOf(key, value) : value]);
  return `sha256:${createHash("sha256").update(JSON.stringify(parts)).digest("hex")}`;
}

function macOf(key: SecretKey, value: string): string {
  return createHmac("sha256", key.digesting).update(value, "utf8").digest("hex");
}

function associatedData({ stackId, key }: SecretPlace): Buffer {
  return Buffer.from(JSON.stringify([stackId, key]), "utf8");
}

function derive(master: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync("sha256", master, Buffer.alloc(0), purpose, KEY_BYTES));
}
