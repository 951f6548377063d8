import { createHmac, hkdfSync } from "node:crypto";
import type { Database } from "../database.ts";
import type { DataKey } from "../secrets/envelope.ts";
import type { Keyring } from "../secrets/keyring.ts";

const MAC_KEY_BYTES = 32;
const MAC_PURPOSE = "slipway/seal/value/1";

/**
 * HMACs of the values behind ciphertexts, under a key that is derived from one of the stack's data keys: equal secrets take part in a seal as equal texts although each encryption differs, and nobody
 * without the key can try values against them. Throws SlipwayError `secret_unreadable`.
 */
export async function macsOf(
  db: Database,
  keyring: Keyring,
  dataKey: DataKey,
  ciphertexts: readonly string[],
): Promise<(ciphertext: string) => string> {
  const key = Buffer.from(
    hkdfSync("sha256", dataKey.key, Buffer.from(dataKey.stackId), MAC_PURPOSE, MAC_KEY_BYTES),
  );
  const macs = new Map<string, string>();
  for (const ciphertext of ciphertexts) {
    const clear = await keyring.open(db, dataKey.stackId, "config", Buffer.from(ciphertext, "base64"));
    macs.set(ciphertext, createHmac("sha256", key).update(clear).digest("hex"));
  }
  return (ciphertext) => {
    const mac = macs.get(ciphertext);
    if (mac === undefined) throw new Error("a secret of the plan was not opened");
    return mac;
  };
}
