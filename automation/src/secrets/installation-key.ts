import { createDecipheriv, createHmac } from "node:crypto";
import { SlipwayError } from "../errors.ts";

const CIPHER = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const PART_BYTES = 32;
/** First byte of what the installation's one key sealed, before there were data keys. */
const FORMAT = 1;

/** The installation's own key, never written to a log: prints as `[secret]`. */
export class InstallationKey {
  static readonly PART_BYTES = PART_BYTES;
  readonly #sealing: Buffer;
  readonly #digesting: Buffer;

  private constructor(sealing: Buffer, digesting: Buffer) {
    this.#sealing = sealing;
    this.#digesting = digesting;
  }

  /** Its two parts in a row, each made for its purpose. */
  static bytesOf(make: (purpose: string) => Buffer): Buffer {
    return Buffer.concat([make("slipway seal v1"), make("slipway config digest v1")]);
  }

  static from(bytes: Buffer): InstallationKey {
    if (bytes.length !== 2 * PART_BYTES) throw new Error("an installation's key has another length");
    return new InstallationKey(bytes.subarray(0, PART_BYTES), bytes.subarray(PART_BYTES));
  }

  /** An HMAC of a value in hex: equal values can be told without the value, and only with this key. */
  macOf(value: string): string {
    return createHmac("sha256", this.#digesting).update(value, "utf8").digest("hex");
  }

  /** Decrypts format 1: format byte, nonce, tag, AES-256-GCM ciphertext, bound to stack and config key. */
  open(place: SecretPlace, sealed: Buffer): string {
    try {
      if (sealed[0] !== FORMAT) throw new Error("unknown format");
      const tagAt = 1 + NONCE_BYTES;
      const bodyAt = tagAt + TAG_BYTES;
      const decipher = createDecipheriv(CIPHER, this.#sealing, sealed.subarray(1, tagAt), {
        authTagLength: TAG_BYTES,
      })
        .setAAD(associatedData(place))
        .setAuthTag(sealed.subarray(tagAt, bodyAt));
      return Buffer.concat([decipher.update(sealed.subarray(bodyAt)), decipher.final()]).toString("utf8");
    } catch (cause) {
      throw new SlipwayError("secret_unreadable", `The secret ${place.key} cannot be decrypted.`, {
        cause,
        remedy: "Set the value again, or restore the database and the key that belong together.",
      });
    }
  }

  toString(): string {
    return "[secret]";
  }
  toJSON(): string {
    return "[secret]";
  }
}

/** Where a value of format 1 belongs. A ciphertext moved to another stack or key does not open. */
export interface SecretPlace {
  stackId: string;
  key: string;
}

/** Whether a ciphertext has the form of before there were data keys. */
export function isFormatOne(sealed: Uint8Array): boolean {
  return sealed[0] === FORMAT;
}

function associatedData({ stackId, key }: SecretPlace): Buffer {
  return Buffer.from(JSON.stringify([stackId, key]), "utf8");
}
