import { hkdfSync, randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { SlipwayError } from "../errors.ts";

/** Of a new backup. Figures as OWASP recommends for scrypt (2^17, 8, 1): 128 MB and about half a second for each guess. */
const COST: PassphraseCost = { n: 2 ** 17, r: 8, p: 1 };
/** Beyond it a crafted file would have the reader spend its memory. */
const MOST_MEMORY_BYTES = 1024 * 1024 * 1024;
const SALT_BYTES = 16;
const KEY_BYTES = 32;
const CHECK_BYTES = 16;
/** Shorter ones can be guessed by whoever has the file. */
const SHORTEST_PASSPHRASE = 12;

/** What a guess costs: scrypt's N, r and p. The header keeps it, so that a backup opens with what it was made with. */
export interface PassphraseCost {
  readonly n: number;
  readonly r: number;
  readonly p: number;
}

/** How a backup's key is made from its passphrase, as the file's header says it. */
export const PassphraseHeader = z.strictObject({
  kdf: z.literal("scrypt"),
  n: z
    .int()
    .min(2 ** 14)
    .max(2 ** 20),
  r: z.int().min(8).max(32),
  p: z.int().min(1).max(4),
  salt: z.base64(),
  /** Derived from the key too: tells a wrong passphrase from a damaged file. */
  check: z.base64(),
  cipher: z.literal("aes-256-gcm"),
});
export type PassphraseHeader = z.infer<typeof PassphraseHeader>;

/**
 * How the frames of a backup without a passphrase are sealed: with a key that the file itself tells. It hides nothing; a byte that was changed or cut off is noticed all the same.
 */
export const OpenHeader = z.strictObject({ kdf: z.literal("none"), salt: z.base64() });
export type OpenHeader = z.infer<typeof OpenHeader>;

/** The header of a new backup without a passphrase. */
export function newOpenHeader(): OpenHeader {
  return { kdf: "none", salt: randomBytes(SALT_BYTES).toString("base64") };
}

/** The key that everybody has. */
export function openKeyOf({ salt }: OpenHeader): Buffer {
  return part(Buffer.from(salt, "base64"), "open frames", KEY_BYTES);
}

/** The key of a new backup, and what its header says of it. Throws SlipwayError `passphrase_weak`. */
export async function newKey(
  passphrase: string,
  cost: PassphraseCost = COST,
): Promise<{ key: Buffer; header: PassphraseHeader }> {
  if (passphrase.length < SHORTEST_PASSPHRASE) {
    throw new SlipwayError(
      "passphrase_weak",
      `The passphrase has fewer than ${SHORTEST_PASSPHRASE} characters.`,
      {
        remedy: "Take several random words, and keep them where the backup is not.",
      },
    );
  }
  const salt = randomBytes(SALT_BYTES);
  const derived = await derive(passphrase, salt, cost);
  const header = { kdf: "scrypt", ...cost, salt: salt.toString("base64"), cipher: "aes-256-gcm" } as const;
  return { key: part(derived, "frames", KEY_BYTES), header: { ...header, check: checkOf(derived) } };
}

/** The key of a backup that is there. Throws SlipwayError `passphrase_wrong`. */
export async function keyOf(passphrase: string, header: PassphraseHeader): Promise<Buffer> {
  const derived = await derive(passphrase, Buffer.from(header.salt, "base64"), header);
  const [given, expected] = [Buffer.from(header.check, "base64"), Buffer.from(checkOf(derived), "base64")];
  if (given.length === expected.length && timingSafeEqual(given, expected))
    return part(derived, "frames", KEY_BYTES);
  throw new SlipwayError("passphrase_wrong", "The passphrase is not the one that the backup was made with.", {
    remedy: "Give the passphrase of that day. Nothing was written.",
  });
}

function derive(passphrase: string, salt: Buffer, { n, r, p }: PassphraseCost): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // Composed and decomposed letters of one word must not be two passphrases.
    const text = passphrase.normalize("NFKC");
    scrypt(text, salt, KEY_BYTES, { N: n, r, p, maxmem: MOST_MEMORY_BYTES }, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}

function checkOf(derived: Buffer): string {
  return part(derived, "check", CHECK_BYTES).toString("base64");
}

function part(derived: Buffer, purpose: string, bytes: number): Buffer {
  return Buffer.from(hkdfSync("sha256", derived, Buffer.alloc(0), `slipway backup ${purpose} v1`, bytes));
}
