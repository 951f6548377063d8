import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { SlipwayError } from "../errors.ts";
import { readOrMakePrivateFile, readPrivateFile } from "./private-file.ts";
import type { WrapContext, WrappingKey } from "./wrapping-key.ts";

const CIPHER = "aes-256-gcm";
/** Bytes of the key that the file holds as base64. */
const FILE_KEY_BYTES = 32;
const FINGERPRINT_BYTES = 8;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** First byte of what a file key wrapped, so that a later form can be told from this one. */
const FORMAT = 1;

/** A wrapping key in a file of this machine. */
export interface FileKey extends WrappingKey {
  readonly file: string;
  /** Another key, derived from the same file for another purpose. Which one says nothing of the others. */
  derive(purpose: string): Buffer;
}

/** The key of a file; undefined when there is no such file. Throws `secret_file_exposed` and `secret_key_damaged`. */
export async function readFileKey(file: string): Promise<FileKey | undefined> {
  const content = await readPrivateFile(file);
  return content === undefined ? undefined : fileKey(file, content);
}

/** As `readFileKey`, but makes the file (0600, 32 random bytes as base64) when there is none. Safe for several processes at once. */
export async function readOrMakeFileKey(file: string): Promise<FileKey> {
  const make = (): string => `${randomBytes(FILE_KEY_BYTES).toString("base64")}\n`;
  const { content } = await readOrMakePrivateFile(file, make);
  return fileKey(file, content);
}

/** The key that a file's content stands for. Throws `secret_key_damaged`. */
export function fileKey(file: string, content: string): FileKey {
  const master = Buffer.from(content.trim(), "base64");
  if (master.length !== FILE_KEY_BYTES) {
    throw new SlipwayError("secret_key_damaged", `${file} does not hold a key.`, {
      remedy: "Restore it from a backup; without it the secrets in the database cannot be read.",
    });
  }
  const derive = (purpose: string, bytes = FILE_KEY_BYTES): Buffer =>
    Buffer.from(hkdfSync("sha256", master, Buffer.alloc(0), purpose, bytes));
  const wrapping = derive("slipway wrap data keys v1");
  const id = `file:${derive("slipway key fingerprint v1", FINGERPRINT_BYTES).toString("hex")}`;
  return {
    id,
    file,
    derive: (purpose) => derive(purpose),
    wrap: (context, clear) => Promise.resolve(wrap(wrapping, context, clear)),
    unwrap: async (context, wrapped) => {
      try {
        return unwrap(wrapping, context, Buffer.from(wrapped));
      } catch (cause) {
        throw new SlipwayError("key_wrong", `The key ${id} in ${file} does not open this data key.`, {
          cause,
          remedy: "Restore the key file and the database from backups of the same installation.",
        });
      }
    },
  };
}

function wrap(key: Buffer, context: WrapContext, clear: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(associatedData(context));
  const body = Buffer.concat([cipher.update(clear), cipher.final()]);
  return Buffer.concat([Buffer.from([FORMAT]), nonce, cipher.getAuthTag(), body]);
}

function unwrap(key: Buffer, context: WrapContext, wrapped: Buffer): Buffer {
  if (wrapped[0] !== FORMAT) throw new Error("unknown format");
  const tagAt = 1 + NONCE_BYTES;
  const bodyAt = tagAt + TAG_BYTES;
  const decipher = createDecipheriv(CIPHER, key, wrapped.subarray(1, tagAt), { authTagLength: TAG_BYTES })
    .setAAD(associatedData(context))
    .setAuthTag(wrapped.subarray(tagAt, bodyAt));
  return Buffer.concat([decipher.update(wrapped.subarray(bodyAt)), decipher.final()]);
}

function associatedData(context: WrapContext): Buffer {
  const sorted = Object.entries(context).sort(([one], [other]) => (one < other ? -1 : 1));
  return Buffer.from(JSON.stringify(sorted), "utf8");
}
