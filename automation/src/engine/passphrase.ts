import { createCipheriv, createDecipheriv, pbkdf2, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { SlipwayError } from "../errors.ts";

/*
 * Pulumi's passphrase secrets, version 1: the key is PBKDF2-HMAC-SHA256 of the passphrase, a value is AES-256-GCM,
 * written `v1:<nonce>:<ciphertext and tag>` in base64. The salt line `v1:<salt>:<value>` ends in the encrypted word
 * `pulumi`, by which a wrong passphrase is recognised. Source: sdk/go/common/resource/config/crypt.go at 3.250.0.
 */
const ITERATIONS = 1_000_000;
const KEY_BYTES = 32;
const SALT_BYTES = 8;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const CHECK_WORD = "pulumi";
const deriveKey = promisify(pbkdf2);

/** Encrypts and decrypts the secrets of one stack. */
export interface SecretsKey {
  /** The line `encryptionsalt` of a config file, also found in the state. */
  readonly encryptionSalt: string;
  encrypt(plaintext: string): string;
  /** Throws when the text was not made with this key. */
  decrypt(ciphertext: string): string;
}

const keys = new Map<string, Promise<Buffer>>();

/** The key of an existing salt line. Throws SlipwayError `wrong_passphrase`. Costs a third of a second the first time. */
export async function openSecretsKey(passphrase: string, encryptionSalt: string): Promise<SecretsKey> {
  const salt = saltOf(encryptionSalt);
  const check = encryptionSalt.split(":").slice(2);
  const key = secretsKey(await cachedKey(passphrase, salt), encryptionSalt);
  try {
    if (key.decrypt(check.join(":")) === CHECK_WORD) return key;
  } catch (error) {
    throw wrongPassphrase(error);
  }
  throw wrongPassphrase(undefined);
}

/** A key with a new random salt. */
export async function createSecretsKey(passphrase: string): Promise<SecretsKey> {
  const salt = randomBytes(SALT_BYTES).toString("base64");
  const raw = await cachedKey(passphrase, salt);
  return secretsKey(raw, `v1:${salt}:${encrypt(raw, CHECK_WORD)}`);
}

/** The raw key of a salt line in base64, for another process of ours to remember. As secret as the passphrase. */
export async function exportKey(passphrase: string, encryptionSalt: string): Promise<string> {
  return (await cachedKey(passphrase, saltOf(encryptionSalt))).toString("base64");
}

/** Remembers a key that another process derived, so that this one need not. A wrong one is found out when it is opened. */
export function rememberKey(passphrase: string, encryptionSalt: string, key: string): void {
  keys.set(cacheName(passphrase, saltOf(encryptionSalt)), Promise.resolve(Buffer.from(key, "base64")));
}

function saltOf(encryptionSalt: string): string {
  const [version, salt] = encryptionSalt.split(":");
  if (version !== "v1" || salt === undefined) {
    throw new SlipwayError("unknown_encryption", `Secrets of version ${version} are not known.`);
  }
  return salt;
}

function cacheName(passphrase: string, salt: string): string {
  return `${salt}\0${passphrase}`;
}

function wrongPassphrase(cause: unknown): SlipwayError {
  return new SlipwayError("wrong_passphrase", "The passphrase does not open the secrets of this stack.", {
    cause,
    remedy: "Give the passphrase that the stack was made with.",
  });
}

function cachedKey(passphrase: string, salt: string): Promise<Buffer> {
  const name = cacheName(passphrase, salt);
  let key = keys.get(name);
  if (key === undefined) {
    key = deriveKey(passphrase, Buffer.from(salt, "base64"), ITERATIONS, KEY_BYTES, "sha256");
    keys.set(name, key);
  }
  return key;
}

function secretsKey(raw: Buffer, encryptionSalt: string): SecretsKey {
  return {
    encryptionSalt,
    encrypt: (plaintext) => encrypt(raw, plaintext),
    decrypt: (ciphertext) => decrypt(raw, ciphertext),
  };
}

function encrypt(key: Buffer, plaintext: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  const sealed = Buffer.concat([cipher.update(plaintext, "utf8"), cipher.final(), cipher.getAuthTag()]);
  return `v1:${nonce.toString("base64")}:${sealed.toString("base64")}`;
}

function decrypt(key: Buffer, ciphertext: string): string {
  const [version, nonce, sealed] = ciphertext.split(":");
  if (version !== "v1" || nonce === undefined || sealed === undefined) throw new Error("not a v1 ciphertext");
  const bytes = Buffer.from(sealed, "base64");
  const decipher = createDecipheriv("aes-256-gcm", key, Buffer.from(nonce, "base64"), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
  return Buffer.concat([
    decipher.update(bytes.subarray(0, bytes.length - TAG_BYTES)),
    decipher.final(),
  ]).toString("utf8");
}
