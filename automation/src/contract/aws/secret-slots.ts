import { z } from "zod";

/** What a slot holds: the key pair of an exchange, the key of a provider of models, or the token of a data store. */
export const SecretKind = z.enum(["exchange", "ai", "store"]);
export type SecretKind = z.infer<typeof SecretKind>;

/** A secret that the system needs. Its value goes into Secrets Manager and nowhere else. */
export interface SecretSlot {
  name: string;
  /** As people write it. */
  title: string;
  kind: SecretKind;
}

/** Every slot: components, prompts, templates, checks and documents are made from this list. Those of data stores are in stacks that have the store. */
export const SECRET_SLOTS = [
  { name: "binance", title: "Binance", kind: "exchange" },
  { name: "coinbase", title: "Coinbase", kind: "exchange" },
  { name: "kraken", title: "Kraken", kind: "exchange" },
  { name: "okx", title: "OKX", kind: "exchange" },
  { name: "bsdex", title: "BSDEX", kind: "exchange" },
  { name: "bison", title: "BISON", kind: "exchange" },
  { name: "finoa", title: "FINOA", kind: "exchange" },
  { name: "bybit", title: "BYBIT", kind: "exchange" },
  { name: "gemini", title: "Gemini", kind: "ai" },
  { name: "openai", title: "OpenAI", kind: "ai" },
  { name: "deepseek", title: "DeepSeek", kind: "ai" },
  { name: "influxdb", title: "InfluxDB", kind: "store" },
] as const satisfies readonly SecretSlot[];
