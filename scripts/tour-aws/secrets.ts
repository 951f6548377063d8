import { generateKeyPairSync, randomBytes, randomUUID } from "node:crypto";
import type { SecretValue, SlotName } from "../../automation/src/aws/secrets/formats.ts";

const letters = (count: number): string =>
  [...randomBytes(count)].map((byte) => "abcdefghijklmnopqrstuvwxyzABCDEF"[byte % 32] ?? "a").join("");
const base64 = (bytes: number): string => randomBytes(bytes).toString("base64");
const pair = () => ({ apiKey: letters(24), apiSecret: letters(32) });

/** Values of the providers' forms that open nothing. */
export function madeUpSecrets(): Partial<Record<SlotName, SecretValue>> {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    binance: { apiKey: letters(64), apiSecret: letters(64) },
    coinbase: {
      apiKey: `organizations/${randomUUID()}/apiKeys/${randomUUID()}`,
      apiSecret: privateKey.export({ type: "sec1", format: "pem" }).toString(),
    },
    kraken: { apiKey: base64(42), apiSecret: base64(64) },
    okx: {
      apiKey: randomUUID(),
      apiSecret: randomBytes(16).toString("hex").toUpperCase(),
      passphrase: `Aa1-${letters(12)}`,
    },
    bsdex: pair(),
    bison: pair(),
    finoa: pair(),
    bybit: { apiKey: letters(18), apiSecret: letters(36) },
    gemini: { apiKey: `AIza${letters(35)}` },
    openai: { apiKey: `sk-proj-${letters(48)}` },
    deepseek: { apiKey: `sk-${randomBytes(16).toString("hex")}` },
  };
}
