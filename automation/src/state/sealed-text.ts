import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import type { DataKey, Purpose } from "../secrets/envelope.ts";
import { openWith, sealWith } from "../secrets/envelope.ts";

/** The fastest: higher levels cost three times the processor's time for a tenth of the bytes. */
const GZIP_LEVEL = 1;

/** For texts up to so many bytes a small window finds as much, and spares a quarter of a megabyte of memory for each of them. */
const SMALL_BYTES = 16 * 1024;
const SMALL = { level: GZIP_LEVEL, windowBits: 13, memLevel: 6 };

/** A text as it is stored: gzipped, then sealed. */
export interface SealedText {
  body: Buffer;
  /** Of the text as UTF-8. */
  sha256: Buffer;
  sizeBytes: number;
}

/** Packs and seals a text. Blocks: large ones belong on a thread. */
export function sealText(key: DataKey, purpose: Purpose, text: string): SealedText {
  const clear = Buffer.from(text, "utf8");
  return {
    body: sealWith(
      key,
      purpose,
      gzipSync(clear, clear.length <= SMALL_BYTES ? SMALL : { level: GZIP_LEVEL }),
    ),
    sha256: createHash("sha256").update(clear).digest(),
    sizeBytes: clear.length,
  };
}

/** Seals what somebody else has gzipped, and the caller unpacked without a fault, for `openText`. */
export function sealPacked(key: DataKey, purpose: Purpose, packed: Uint8Array): Buffer {
  return sealWith(key, purpose, packed);
}

/** The text that `sealText` packed with the same key and purpose. Throws SlipwayError `secret_unreadable`. */
export function openText(key: DataKey, purpose: Purpose, body: Uint8Array): string {
  return gunzipSync(openWith(key, purpose, body)).toString("utf8");
}
