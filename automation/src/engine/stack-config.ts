import { readFile, writeFile } from "node:fs/promises";
import { stringify } from "yaml";
import { SlipwayError } from "../errors.ts";
import { createSecretsKey, exportKey, openSecretsKey, rememberKey, type SecretsKey } from "./passphrase.ts";
import type { ConfigEntry, PulumiRequest, SecretsKeyHint } from "./runner-protocol.ts";
import { readStackState } from "./state-outputs.ts";

/** What a stack's config file is made of. */
export interface StackConfig {
  config: Readonly<Record<string, ConfigEntry>>;
  /** The salt line of the stack's state; kept, so that the state's secrets need not be encrypted anew. */
  encryptionSalt: string | undefined;
  /** 0600 file with the passphrase; needed only when a value is secret or the stack has no salt yet. */
  passphraseFile: string | undefined;
  /** The key of that salt, when the worker has derived it before. */
  knownKey?: SecretsKeyHint | undefined;
}

/**
 * What the worker adds to an engine request: deriving a key takes a third of a second, and a runner lives for one attempt
 * only. The worker remembers keys for as long as it lives. Undefined when the request needs none or its stack is new.
 */
export async function secretsKeyHint(request: PulumiRequest): Promise<SecretsKeyHint | undefined> {
  const passphraseFile = request.env.PULUMI_CONFIG_PASSPHRASE_FILE;
  if (passphraseFile === undefined || !Object.values(request.config).some((entry) => entry.secret))
    return undefined;
  const state = await readStackState(request.env.PULUMI_BACKEND_URL ?? "", request.stack);
  if (state?.encryptionSalt === undefined) return undefined;
  const { encryptionSalt } = state;
  return { encryptionSalt, key: await exportKey(await readPassphrase(passphraseFile), encryptionSalt) };
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
  const passphrase = await readPassphrase(parts.passphraseFile);
  if (parts.knownKey !== undefined)
    rememberKey(passphrase, parts.knownKey.encryptionSalt, parts.knownKey.key);
  return parts.encryptionSalt === undefined
    ? await createSecretsKey(passphrase)
    : await openSecretsKey(passphrase, parts.encryptionSalt);
}

async function readPassphrase(file: string): Promise<string> {
  // As the CLI reads it: surrounding white space is not part of the passphrase.
  return (await readFile(file, "utf8")).trim();
}
