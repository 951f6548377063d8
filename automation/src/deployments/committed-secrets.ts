import type { StoredConfig, StoredConfigValue } from "../database/tables.ts";
import type { Database } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { sealConfigValue } from "../secrets/config-secrets.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { secureText } from "../sources/pulumi-yaml.ts";

/**
 * The config of a committed Pulumi.<stack>.yaml in the form of a deployment's snapshot. Its encrypted values are those that the Pulumi CLI got from Slipway for
 * this stack; they are opened once, so that a deployment with one that cannot be read does not start. Throws SlipwayError `source_invalid` with the keys
 * of all that cannot.
 */
export async function adoptCommittedConfig(
  keyring: Keyring,
  db: Database,
  stack: { id: string; name: string },
  {
    values,
    encrypted,
  }: { values: Readonly<Record<string, string>>; encrypted: Readonly<Record<string, unknown>> },
): Promise<StoredConfig> {
  const config: StoredConfig = {};
  const unreadable: string[] = [];
  for (const [key, value] of Object.entries(values)) config[key] = { secret: false, value };
  for (const [key, value] of Object.entries(encrypted)) {
    try {
      config[key] = await adopt(keyring, db, stack.id, value);
    } catch (error) {
      if (!(error instanceof SlipwayError) || error.code !== "secret_unreadable") throw error;
      unreadable.push(key);
    }
  }
  if (unreadable.length === 0) return config;
  throw new SlipwayError(
    "source_invalid",
    `Pulumi.${stack.name}.yaml holds values that were not encrypted for this stack by this Slipway: ${unreadable.join(", ")}.`,
    {
      remedy: `Set each again: 'pulumi config set --secret --stack ${stack.name} <key>' against Slipway, and commit the file; or take it out of the file and use 'slipway config set --secret <key>'.`,
    },
  );
}

async function adopt(
  keyring: Keyring,
  db: Database,
  stackId: string,
  value: unknown,
): Promise<StoredConfigValue> {
  const ciphertext = secureText(value);
  if (ciphertext !== undefined) {
    await openText(keyring, db, stackId, ciphertext);
    return { secret: true, ciphertext };
  }
  // Secrets inside an object or a list: to a program the whole value is secret, as JSON text.
  const clear = JSON.stringify(await openInside(keyring, db, stackId, value));
  return {
    secret: true,
    ciphertext: (await sealConfigValue(keyring, db, stackId, clear)).toString("base64"),
  };
}

async function openInside(keyring: Keyring, db: Database, stackId: string, value: unknown): Promise<unknown> {
  const ciphertext = secureText(value);
  if (ciphertext !== undefined) return openText(keyring, db, stackId, ciphertext);
  if (Array.isArray(value)) {
    return Promise.all(value.map((inner) => openInside(keyring, db, stackId, inner)));
  }
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(
    async ([name, inner]) => [name, await openInside(keyring, db, stackId, inner)] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

async function openText(
  keyring: Keyring,
  db: Database,
  stackId: string,
  ciphertext: string,
): Promise<string> {
  return (await keyring.open(db, stackId, "config", Buffer.from(ciphertext, "base64"))).toString("utf8");
}
