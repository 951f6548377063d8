import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { SlipwayError } from "../errors.ts";

const CIPHER = "aes-256-gcm";
/** Bytes of a data key. */
export const DATA_KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** First byte. 1 is what secrets/crypto.ts made under the installation's one key. */
const FORMAT = 2;
const HEADER_BYTES = 1 + 4 + NONCE_BYTES + TAG_BYTES;

/** What a sealed value is. One that is moved to another purpose does not open. */
export type Purpose = "secret" | "config" | "state" | "journal" | "event" | "destination" | "drift" | "seal";

/** One of a stack's data keys in clear. Never logged: `key` lives in memory only. */
export interface DataKey {
  stackId: string;
  /** Counts from 1; new values are sealed under the newest. */
  version: number;
  key: Buffer;
}

/** Encrypts with AES-256-GCM: format byte, key version (4 bytes, big endian), nonce, tag, ciphertext. Bound to stack, version and purpose. */
export function sealWith(dataKey: DataKey, purpose: Purpose, clear: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, dataKey.key, nonce).setAAD(associatedData(dataKey, purpose));
  const body = Buffer.concat([cipher.update(clear), cipher.final()]);
  const head = Buffer.alloc(5);
  head.writeUInt8(FORMAT, 0);
  head.writeUInt32BE(dataKey.version, 1);
  return Buffer.concat([head, nonce, cipher.getAuthTag(), body]);
}

/** Which version of the stack's data key sealed this. Throws SlipwayError `secret_unreadable` when it is nothing of ours. */
export function keyVersionOf(sealed: Uint8Array): number {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  if (bytes.length < HEADER_BYTES || bytes[0] !== FORMAT)
    throw unreadable("it is nothing that Slipway sealed");
  return bytes.readUInt32BE(1);
}

/** Decrypts what `sealWith` made with the same key and purpose. Throws SlipwayError `secret_unreadable` for anything else. */
export function openWith(dataKey: DataKey, purpose: Purpose, sealed: Uint8Array): Buffer {
  if (keyVersionOf(sealed) !== dataKey.version) throw unreadable("another key version sealed it");
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  const nonce = bytes.subarray(5, 5 + NONCE_BYTES);
  const tag = bytes.subarray(5 + NONCE_BYTES, HEADER_BYTES);
  try {
    const decipher = createDecipheriv(CIPHER, dataKey.key, nonce, { authTagLength: TAG_BYTES })
      .setAAD(associatedData(dataKey, purpose))
      .setAuthTag(tag);
    return Buffer.concat([decipher.update(bytes.subarray(HEADER_BYTES)), decipher.final()]);
  } catch (cause) {
    throw unreadable("it belongs to another stack or was changed", cause);
  }
}

function associatedData({ stackId, version }: DataKey, purpose: Purpose): Buffer {
  return Buffer.from(JSON.stringify([stackId, version, purpose]), "utf8");
}

function unreadable(why: string, cause?: unknown): SlipwayError {
  return new SlipwayError("secret_unreadable", `A sealed value cannot be opened: ${why}.`, {
    cause,
    remedy:
      "Restore the wrapping key of this installation (slipway doctor names it), or set the value again.",
  });
}
