import { createHash } from "node:crypto";
import type { Database } from "../database.ts";
import { openConfig } from "../secrets/config-secrets.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { readStoredConfig } from "../stacks/config-store.ts";

/** A digest for each config value that the server holds of a stack. A secret takes part as an HMAC, so that nobody can try values against it. Throws SlipwayError `secret_unreadable`. */
export async function serverConfigDigests(
  db: Database,
  keyring: Keyring,
  stackId: string,
): Promise<Record<string, string>> {
  const clear = await openConfig(keyring, db, stackId, await readStoredConfig(db, stackId));
  return Object.fromEntries(
    Object.entries(clear).map(([key, { secret, value }]) => [
      key,
      secret
        ? `hmac:${keyring.installation.macOf(value)}`
        : `sha256:${createHash("sha256").update(value).digest("hex")}`,
    ]),
  );
}
