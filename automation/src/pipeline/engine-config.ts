import type { StoredConfig } from "../database/tables.ts";
import type { Database } from "../database.ts";
import type { ConfigEntry } from "../engine/runner-protocol.ts";
import { openConfig, sealConfigValue } from "../secrets/config-secrets.ts";
import { isFormatOne } from "../secrets/installation-key.ts";
import type { Keyring } from "../secrets/keyring.ts";

/** A deployment's config as its engine gets it. */
export interface EngineConfig {
  /** Secret values are sealed: the CLI has the state backend open them. */
  config: Record<string, ConfigEntry>;
  /** The secret values in clear, so that no output shows them. */
  secrets: string[];
  /** What the config says of where AWS is and as whom it is reached, in clear, by the names without their namespace `aws`. */
  aws: Record<string, string>;
}

const AWS_NAMESPACE = "aws:";

/** Makes a stored config ready for the engine. Throws SlipwayError `secret_unreadable`. */
export async function engineConfig(
  keyring: Keyring,
  db: Database,
  stackId: string,
  stored: StoredConfig,
): Promise<EngineConfig> {
  const clear = await openConfig(keyring, db, stackId, stored);
  const config: Record<string, ConfigEntry> = {};
  for (const [key, { value }] of Object.entries(clear)) {
    const from = stored[key];
    if (from?.secret !== true) config[key] = { value };
    // The backend opens what a stack's data key has sealed, and nothing of before.
    else if (isFormatOne(Buffer.from(from.ciphertext, "base64")))
      config[key] = { secure: (await sealConfigValue(keyring, db, stackId, value)).toString("base64") };
    else config[key] = { secure: from.ciphertext };
  }
  return {
    config,
    secrets: Object.values(clear).flatMap(({ secret, value }) => (secret ? [value] : [])),
    aws: Object.fromEntries(
      Object.entries(clear).flatMap(([key, { value }]) =>
        key.startsWith(AWS_NAMESPACE) ? [[key.slice(AWS_NAMESPACE.length), value]] : [],
      ),
    ),
  };
}
