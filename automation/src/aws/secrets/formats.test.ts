import { describe, expect, test } from "vitest";
import { SECRET_SLOTS } from "../../contract/aws/secret-slots.ts";
import type { SecretValue, SlotName } from "./formats.ts";
import { fieldsOf, normalised, secretsTemplate, wrongValue } from "./formats.ts";
import { parseSecretValues } from "./input.ts";

const ALNUM_64 = `${"aB3".repeat(21)}z`;
const UUID = "0f8fad5b-d9cb-469f-a165-70867728950e";
const PEM = "-----BEGIN EC PRIVATE KEY-----\\nMHcCAQEEIBkg4LVW\\n-----END EC PRIVATE KEY-----";
const RIGHT: Readonly<Record<SlotName, SecretValue>> = {
  binance: { apiKey: ALNUM_64, apiSecret: `${ALNUM_64.slice(1)}Q` },
  coinbase: { apiKey: `organizations/${UUID}/apiKeys/${UUID}`, apiSecret: normalised(PEM) },
  kraken: { apiKey: "k".repeat(56), apiSecret: `${"s".repeat(86)}==` },
  okx: { apiKey: UUID, apiSecret: "0123456789ABCDEF0123456789ABCDEF", passphrase: "Horse-1-battery" },
  bsdex: { apiKey: "anything-visible", apiSecret: "another-thing" },
  bison: { apiKey: "anything-visible", apiSecret: "another-thing" },
  finoa: { apiKey: "anything-visible", apiSecret: "another-thing" },
  bybit: { apiKey: "k".repeat(18), apiSecret: "s".repeat(36) },
  gemini: { apiKey: `AIza${"g".repeat(35)}` },
  openai: { apiKey: `sk-proj-${"o".repeat(48)}` },
  deepseek: { apiKey: `sk-${"d".repeat(32)}` },
  influxdb: { apiKey: `${"i".repeat(86)}==` },
};
const fieldsIn = (slot: SlotName, value: SecretValue) => wrongValue(slot, value).map(({ field }) => field);

describe("a slot's value", () => {
  test.each(Object.entries(RIGHT))("of %s is taken when it has the provider's form", (slot, value) => {
    expect(wrongValue(slot as SlotName, value)).toEqual([]);
  });

  test.each<[string, SlotName, SecretValue, string[]]>([
    ["without its secret", "binance", { apiKey: ALNUM_64 }, ["apiSecret"]],
    ["that was cut off", "binance", { ...RIGHT.binance, apiKey: ALNUM_64.slice(1) }, ["apiKey"]],
    [
      "whose secret is its key",
      "bison",
      { apiKey: "the-same-word", apiSecret: "the-same-word" },
      ["apiSecret"],
    ],
    ["with white space in it", "bison", { apiKey: "a key of words", apiSecret: "another-thing" }, ["apiKey"]],
    ["of another provider", "openai", { apiKey: "sk-ant-api03-abcdefghijklmnopqrstuvwxyz" }, ["apiKey"]],
    ["of another kind", "deepseek", RIGHT.gemini, ["apiKey"]],
    ["that is a password", "influxdb", { apiKey: "Correct-horse-battery-1" }, ["apiKey"]],
    [
      "without the passphrase that its exchange needs",
      "okx",
      { ...RIGHT.okx, passphrase: "" },
      ["passphrase"],
    ],
    [
      "with swapped fields",
      "okx",
      { ...RIGHT.okx, apiKey: "0123456789ABCDEF0123456789ABCDEF", apiSecret: UUID },
      ["apiKey", "apiSecret"],
    ],
    ["with a field that is none", "gemini", { ...RIGHT.gemini, apiSecret: "another-thing" }, ["apiSecret"]],
    ["that is far too long", "finoa", { ...RIGHT.finoa, apiKey: "x".repeat(10_000) }, ["apiKey"]],
  ])("%s is refused, with the field named", (_, slot, value, expected) => {
    expect(fieldsIn(slot, value)).toEqual(expected);
  });

  test("of an exchange whose keys may have a passphrase is taken with and without one", () => {
    expect(fieldsIn("coinbase", { ...RIGHT.coinbase, passphrase: "Horse-1-battery" })).toEqual([]);
    expect(fieldsIn("coinbase", { apiKey: UUID, apiSecret: `${"c".repeat(86)}==` })).toEqual([]);
  });

  test("that is a private key on one line is stored on several, as programs read it", () => {
    expect(normalised(` ${PEM}\n`).split("\n")).toHaveLength(3);
    expect(normalised("a\\nb")).toBe("a\\nb");
  });
});

describe("the template", () => {
  test("has every slot of the list with what it consists of, and its placeholders are never taken for values", () => {
    const template = secretsTemplate();
    expect(Object.keys(template)).toEqual(SECRET_SLOTS.map(({ name }) => name));
    for (const { name, kind } of SECRET_SLOTS) {
      expect(Object.keys(template[name] ?? {})).toEqual(fieldsOf(name).map((field) => field.name));
      expect(Object.keys(template[name] ?? {}).includes("apiSecret")).toBe(kind === "exchange");
      expect(fieldsIn(name, template[name] ?? {})).toEqual(Object.keys(template[name] ?? {}));
    }
  });

  test("filled in is read: slots that are null, left out or not asked for are skipped", () => {
    const text = JSON.stringify({
      okx: RIGHT.okx,
      gemini: RIGHT.gemini,
      openai: null,
      bybit: { apiKey: "wrong" },
    });
    const values = parseSecretValues(text, ["okx", "openai", "deepseek"]);
    expect([...values]).toEqual([["okx", RIGHT.okx]]);
  });
});

test.each([
  ["no JSON", `{"okx": {"apiKey": "C4nary-of-a-value`],
  ["a value in the place of a slot", JSON.stringify({ "C4nary-of-a-value": { apiKey: "x" } })],
  ["a value in the place of a field", JSON.stringify({ okx: { ...RIGHT.okx, "C4nary-of-a-value": "x" } })],
  ["a value of the wrong form", JSON.stringify({ okx: { ...RIGHT.okx, apiKey: "C4nary-of-a-value" } })],
  ["a list", JSON.stringify(["C4nary-of-a-value"])],
])("%s is refused without a word of it", (_, text) => {
  const refusal = () => parseSecretValues(text, ["okx"]);
  expect(refusal).toThrow(expect.objectContaining({ code: "invalid_secrets" }));
  try {
    refusal();
  } catch (error) {
    const { message, details, cause } = error as { message: string; details: unknown; cause: unknown };
    expect(JSON.stringify([message, details, cause ?? null])).not.toContain("C4nary");
  }
});
