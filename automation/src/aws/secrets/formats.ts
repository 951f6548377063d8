import type { SecretSlot } from "../../contract/aws/secret-slots.ts";
import { SECRET_SLOTS } from "../../contract/aws/secret-slots.ts";

export type SlotName = (typeof SECRET_SLOTS)[number]["name"];

/** One part of a slot's value. */
export interface SecretField {
  /** In the JSON that is stored. */
  name: "apiKey" | "apiSecret" | "passphrase";
  title: string;
  /** Whether a value without it is refused. */
  needed: boolean;
  /** What it looks like; never an example that could be real. */
  looksLike: string;
  isRight: (text: string) => boolean;
}

/** A slot's value by field. */
export type SecretValue = Readonly<Partial<Record<SecretField["name"], string>>>;

/** Far more than any key; a whole file that was pasted is not one. */
const MOST_CHARACTERS = 8_192;
const LEAST_CHARACTERS = 8;

const matches =
  (pattern: RegExp) =>
  (text: string): boolean =>
    pattern.test(text);
const isPem = matches(/^-----BEGIN [A-Z ]*PRIVATE KEY-----\n[\s\S]+\n-----END [A-Z ]*PRIVATE KEY-----\n?$/);
const isBase64 = (text: string): boolean => /^[A-Za-z0-9+/]{40,}={0,2}$/.test(text) && text.length % 4 === 0;
const UUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}";

function key(looksLike: string, isRight: SecretField["isRight"]): SecretField {
  return { name: "apiKey", title: "API key", needed: true, looksLike, isRight };
}
function secret(looksLike: string, isRight: SecretField["isRight"]): SecretField {
  return { name: "apiSecret", title: "API secret", needed: true, looksLike, isRight };
}
function passphrase(needed: boolean): SecretField {
  return {
    name: "passphrase",
    title: needed ? "Passphrase" : "Passphrase (only of keys that have one)",
    needed,
    looksLike: "8 to 64 visible characters, as they were chosen when the key was made",
    isRight: matches(/^[\x21-\x7e]{8,64}$/),
  };
}

const UNPUBLISHED = "8 or more visible characters; its provider publishes no format";
const isVisible = matches(/^[\x21-\x7e]{8,}$/);
const PLAIN_PAIR = [key(UNPUBLISHED, isVisible), secret(UNPUBLISHED, isVisible)];

/*
 * What each provider's credentials look like. The checks are as loose as the formats that a provider has used: they catch what was cut off, swapped or meant for another slot, and never
 * say that a key works.
 */
const FIELDS: Readonly<Record<SlotName, readonly SecretField[]>> = {
  binance: [
    key("64 letters and digits", matches(/^[A-Za-z0-9]{64}$/)),
    secret(
      "64 letters and digits, or a private key (PEM)",
      (text) => /^[A-Za-z0-9]{64}$/.test(text) || isPem(text),
    ),
  ],
  // Keys of its developer platform have no passphrase; those of Coinbase Exchange have one.
  coinbase: [
    key(
      "organizations/<id>/apiKeys/<id>, an id alone, or 32 hexadecimal digits",
      matches(new RegExp(`^(organizations/${UUID}/apiKeys/${UUID}|${UUID}|[0-9a-f]{32})$`)),
    ),
    secret("a private key (PEM), or base64", (text) => isPem(text) || isBase64(text)),
    passphrase(false),
  ],
  kraken: [
    key("56 characters of base64", matches(/^[A-Za-z0-9+/]{56}$/)),
    secret("88 characters of base64", (text) => text.length === 88 && isBase64(text)),
  ],
  okx: [
    key("an id of 36 characters", matches(new RegExp(`^${UUID}$`))),
    secret("32 hexadecimal digits", matches(/^[0-9A-Fa-f]{32}$/)),
    passphrase(true),
  ],
  bsdex: PLAIN_PAIR,
  bison: PLAIN_PAIR,
  finoa: PLAIN_PAIR,
  bybit: [
    key("16 to 24 letters and digits", matches(/^[A-Za-z0-9]{16,24}$/)),
    secret(
      "36 letters and digits, or a private key (PEM)",
      (text) => /^[A-Za-z0-9]{36}$/.test(text) || isPem(text),
    ),
  ],
  gemini: [key("AIza and 35 more characters, or AQ. and more", matches(/^(AIza[\w-]{35}|AQ\.[\w.-]{20,})$/))],
  openai: [key("sk- and 20 or more characters", matches(/^sk-(?!ant-)[\w-]{20,}$/))],
  deepseek: [key("sk- and 32 or more letters and digits", matches(/^sk-[A-Za-z0-9]{32,64}$/))],
  // A token that may read and write the bucket of the prices alone.
  influxdb: [
    {
      ...key("40 or more characters of base64", matches(/^[A-Za-z0-9_-]{40,}={0,2}$/)),
      title: "API token",
    },
  ],
};

/** What a slot's value consists of. */
export function fieldsOf(slot: SlotName): readonly SecretField[] {
  return FIELDS[slot];
}

/** The slot of a name; undefined when there is none. */
export function slotOf(name: string): (SecretSlot & { name: SlotName }) | undefined {
  return SECRET_SLOTS.find((slot) => slot.name === name);
}

/** What was typed or pasted as it is stored: without the white space around it; a private key on one line, with \n for its line breaks, as files of JSON have it, on several. */
export function normalised(text: string): string {
  const trimmed = text.trim();
  return trimmed.startsWith("-----BEGIN") ? trimmed.replaceAll("\\n", "\n") : trimmed;
}

/** What is wrong with a field's value; null: nothing. Never holds any of the value. */
export function wrongField(field: SecretField, text: string | undefined): string | null {
  if (text === undefined || text === "") return field.needed ? "is missing" : null;
  if (text.length > MOST_CHARACTERS) return `is over ${MOST_CHARACTERS} characters`;
  if (isPlaceholder(text)) return "is still the placeholder of the template";
  if (text.length < LEAST_CHARACTERS || !field.isRight(text))
    return `does not look like one: expected ${field.looksLike}`;
  return null;
}

/** Everything that is wrong with a slot's value, each with its field; nothing of the value. */
export function wrongValue(slot: SlotName, value: SecretValue): { field: string; message: string }[] {
  const wrong: { field: string; message: string }[] = fieldsOf(slot).flatMap((field) => {
    const message = wrongField(field, value[field.name]);
    return message === null ? [] : [{ field: field.name, message }];
  });
  const known = new Set<string>(fieldsOf(slot).map(({ name }) => name));
  for (const name of Object.keys(value))
    if (!known.has(name)) wrong.push({ field: name, message: "is not known" });
  if (wrong.length === 0 && value.apiKey === value.apiSecret && value.apiSecret !== undefined)
    wrong.push({ field: "apiSecret", message: "is the same as the key" });
  return wrong;
}

/** The placeholder of a field in the template. */
function placeholderOf(field: SecretField): string {
  return `<${field.needed ? "" : "optional: "}${field.looksLike}>`;
}

function isPlaceholder(text: string): boolean {
  return /^<.*>$/s.test(text);
}

/** What is to be filled in, for all slots or some: placeholders by slot and field. A slot that is left out or null is skipped. */
export function secretsTemplate(
  slots: readonly SlotName[] = SECRET_SLOTS.map(({ name }) => name),
): Record<string, Record<string, string>> {
  return Object.fromEntries(
    slots.map((slot) => [
      slot,
      Object.fromEntries(fieldsOf(slot).map((field) => [field.name, placeholderOf(field)])),
    ]),
  );
}
