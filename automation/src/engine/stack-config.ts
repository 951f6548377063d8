import { readFile, writeFile } from "node:fs/promises";
import { stringify } from "yaml";
import { SlipwayError } from "../errors.ts";
import { createSecretsKey, openSecretsKey, type SecretsKey } from "./passphrase.ts";
import type { ConfigEntry } from "./runner-protocol.ts";

/** What a stack's config file is made of. */
export interface StackConfig {
  config: Readonly<Record<string, ConfigEntry>>;
  /** The salt line of the stack's state; kept, so that the state's secrets need not be encrypted anew. */
  encryptionSalt: string | undefined;
  /** 0600 file with the passphrase; needed only when a value is secret or the stack has no salt yet. */
  passphraseFile: string | undefined;
}

/** Writes `Pulumi.<stack>.yaml` content to a new 0600 file. Secret values are encrypted by Pulumi's passphrase scheme. */
export async function writeStackConfig(file: string, parts: StackConfig): Promise<void> {
  const entries = Object.entries(parts.config);
  const needsKey = entries.some(([, entry]) => entry.secret);
  const key = needsKey ? await secretsKey(parts) : undefined;
  const encryptionSalt = key?.encryptionSalt ?? parts.encryptionSalt;
  const config = Object.fromEntries(
    entries.map(([name, entry]) => [
      name,
      entry.secret && key ? { secure: key.encrypt(entry.value) } : entry.value,
    ]),
  );
  const text = stringify({
    ...(encryptionSalt === undefined ? {} : { encryptionsalt: encryptionSalt }),
    config,
  });
  // `wx`: a file that someone else laid there first could be readable by others.
  await writeFile(file, text, { mode: 0o600, flag: "wx" });
}

async function secretsKey(parts: StackConfig): Promise<SecretsKey> {
  if (parts.passphraseFile === undefined) {
    throw new SlipwayError("missing_passphrase", "Secret config needs PULUMI_CONFIG_PASSPHRASE_FILE.");
  }
  // As the CLI reads it: surrounding white space is not part of the passphrase.
  const passphrase = (await readFile(parts.passphraseFile, "utf8")).trim();
  return parts.encryptionSalt === undefined
    ? await createSecretsKey(passphrase)
    : await openSecretsKey(passphrase, parts.encryptionSalt);
}
