import { createHash, randomInt } from "node:crypto";
import { crc32 } from "node:zlib";

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** 43 characters of 62 hold 256 bits. */
const RANDOM_LENGTH = 43;
const CHECK_LENGTH = 6;
const KINDS = ["owner", "worker", "user", "service", "attempt", "session"] as const;
const FORM = new RegExp(`^slp_(${KINDS.join("|")})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})$`);

/** What a token says of its holder. `attempt`: the engine of one attempt. `session`: a person who signed in some hours ago at most. */
export type TokenKind = (typeof KINDS)[number];

/** A new token: `slp_<kind>_`, 43 random characters and a checksum that tells a typing error from a wrong token. */
export function makeToken(kind: TokenKind): string {
  let random = "";
  while (random.length < RANDOM_LENGTH) random += ALPHABET[randomInt(ALPHABET.length)] ?? "";
  return `slp_${kind}_${random}${checksum(kind, random)}`;
}

/** True when the text has the form of a token and its checksum fits. Says nothing about whether it is valid. */
export function looksLikeToken(text: string): boolean {
  return kindOfToken(text) !== undefined;
}

/** The kind that a whole token names, or undefined for any other text. */
export function kindOfToken(text: string): TokenKind | undefined {
  const [, kind, random, check] = FORM.exec(text) ?? [];
  if (kind === undefined || random === undefined || checksum(kind, random) !== check) return undefined;
  return KINDS.find((one) => one === kind);
}

/** What is stored of a token. It has 256 random bits, so that a plain hash cannot be searched. */
export function hashToken(token: string): Buffer {
  return createHash("sha256").update(token, "utf8").digest();
}

function checksum(kind: string, random: string): string {
  let rest = crc32(`${kind}_${random}`);
  let text = "";
  while (text.length < CHECK_LENGTH) {
    text = (ALPHABET[rest % ALPHABET.length] ?? "") + text;
    rest = Math.floor(rest / ALPHABET.length);
  }
  return text;
}
