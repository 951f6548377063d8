import type { Database } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { awsKmsKey } from "./aws-kms-key.ts";
import { readFileKey, readOrMakeFileKey } from "./file-key.ts";
import type { KeyChoice, KeySettings } from "./key-settings.ts";
import { parseKeyChoice } from "./key-settings.ts";
import type { KnownWrappingKey } from "./store.ts";
import { listWrappingKeys, putWrappingKey } from "./store.ts";
import { vaultKey } from "./vault-key.ts";
import type { WrappingKey } from "./wrapping-key.ts";

const CANARY = "slipway canary";
const CANARY_CONTEXT = { "slipway:canary": "v1" };
const OTHER_CONTEXT = { "slipway:canary": "v1 of another place" };

/** The wrapping keys of a process. */
export interface WrappingKeys {
  /** Wraps what is new: the one of the configuration. */
  readonly current: WrappingKey;
  /** The one that wrapped something. Throws SlipwayError `key_unavailable` when nothing here leads to it. */
  byId(id: string): Promise<WrappingKey>;
}

/**
 * Opens the configured wrapping key and every one that still wraps something, and has each open its canary. Throws SlipwayError
 * `key_wrong` or `key_unavailable`, which name the key and what to do: a process without its keys must not start.
 */
export async function openWrappingKeys(db: Database, settings: KeySettings): Promise<WrappingKeys> {
  const known = await listWrappingKeys(db);
  const opened = await proveNeededKeys(known, settings);
  const byId = async (id: string): Promise<WrappingKey> => {
    const key = opened.get(id) ?? (await openKnown(settings, id));
    opened.set(id, key);
    return key;
  };
  const current = await openConfigured(settings, known);
  opened.set(current.id, current);
  await register(
    db,
    current,
    known.find(({ id }) => id === current.id),
  );
  return { current, byId };
}

/** Opens every wrapping key that still wraps something, by id, and has each open its canary. Throws as `openWrappingKeys`; changes nothing. */
export async function proveNeededKeys(
  known: readonly KnownWrappingKey[],
  settings: KeySettings,
): Promise<Map<string, WrappingKey>> {
  const opened = new Map<string, WrappingKey>();
  for (const { id, canary } of known.filter(({ wraps }) => wraps > 0)) {
    const key = await openKnown(settings, id);
    await checkCanary(key, canary);
    opened.set(id, key);
  }
  return opened;
}

/** The configured key once it has opened what it wrapped; undefined for a key file that the first start will make. Throws as `openWrappingKeys`; changes nothing. */
export async function proveConfiguredKey(
  settings: KeySettings,
  known: readonly KnownWrappingKey[],
): Promise<WrappingKey | undefined> {
  const { choice, defaultFile } = settings;
  if (choice.provider === "file" && choice.file === defaultFile && !hasFileKey(known)) {
    return readFileKey(choice.file);
  }
  const key = await openConfigured(settings, known);
  await checkCanary(key, await key.wrap(CANARY_CONTEXT, Buffer.from(CANARY)));
  return key;
}

function hasFileKey(known: readonly KnownWrappingKey[]): boolean {
  return known.some(({ id }) => id.startsWith("file:"));
}

/** Makes the configured key known, with a canary for all later starts. */
async function register(db: Database, key: WrappingKey, known: KnownWrappingKey | undefined): Promise<void> {
  if (known !== undefined) {
    // One that still wraps something was checked above.
    if (known.wraps === 0) await checkCanary(key, known.canary);
    if (!known.retired) return;
  }
  const canary = await key.wrap(CANARY_CONTEXT, Buffer.from(CANARY));
  // A key that may wrap and not unwrap would lock everything in.
  await checkCanary(key, canary);
  await checkContextCounts(key, canary);
  const kept = await putWrappingKey(db, key.id, canary);
  // Another process may have been first, with another key of the same name.
  await checkCanary(key, kept);
}

/** Has a key open the canary that it once wrapped. Throws SlipwayError `key_wrong`. */
export async function checkCanary(key: WrappingKey, canary: Buffer): Promise<void> {
  const clear = await key.unwrap(CANARY_CONTEXT, canary);
  if (clear.toString() === CANARY) return;
  throw new SlipwayError("key_wrong", `The key ${key.id} is not the one that this database was made with.`, {
    remedy: "Restore the key, or start with the database that belongs to it.",
  });
}

async function checkContextCounts(key: WrappingKey, canary: Buffer): Promise<void> {
  try {
    await key.unwrap(OTHER_CONTEXT, canary);
  } catch (error) {
    if (error instanceof SlipwayError && error.code === "key_wrong") return;
    throw error;
  }
  throw new SlipwayError("key_unavailable", `The key ${key.id} does not bind what it wraps to a place.`, {
    remedy: "Vault binds it since version 1.13, with keys of type aes256-gcm96 or chacha20-poly1305.",
  });
}

async function openConfigured(
  settings: KeySettings,
  known: readonly KnownWrappingKey[],
): Promise<WrappingKey> {
  const { choice, defaultFile } = settings;
  if (choice.provider !== "file") return openRemote(choice, settings);
  // Only for a database that has never known one: else a lost file would silently become another key.
  if (choice.file === defaultFile && !hasFileKey(known)) {
    return readOrMakeFileKey(choice.file);
  }
  const key = await readFileKey(choice.file);
  if (key !== undefined) return key;
  throw new SlipwayError("key_unavailable", `The key file ${choice.file} is not there.`, {
    remedy: `Restore it from a backup. A new key: (umask 077; openssl rand -base64 32 > ${choice.file}).`,
  });
}

function openRemote(choice: Exclude<KeyChoice, { provider: "file" }>, settings: KeySettings): WrappingKey {
  return choice.provider === "aws-kms"
    ? awsKmsKey(choice.arn)
    : vaultKey(choice.mount, choice.key, settings.vault);
}

/** A key that the database names. Throws SlipwayError `key_unavailable`. */
export async function openKnown(settings: KeySettings, id: string): Promise<WrappingKey> {
  if (!id.startsWith("file:")) {
    const choice = parseKeyChoice(id, { root: "/", defaultFile: settings.defaultFile });
    if (choice !== undefined && choice.provider !== "file") return openRemote(choice, settings);
    throw new SlipwayError(
      "key_unavailable",
      `The database needs the wrapping key ${id}, which is of no kind known here.`,
      {
        remedy: "Start the newer Slipway that has used it.",
      },
    );
  }
  const configured = settings.choice.provider === "file" ? [settings.choice.file] : [];
  const seen: string[] = [];
  for (const file of new Set([settings.defaultFile, ...configured])) {
    const key = await readFileKey(file);
    if (key?.id === id) return key;
    seen.push(key === undefined ? `${file} is not there` : `${file} holds ${key.id}`);
  }
  throw new SlipwayError(
    "key_unavailable",
    `The database needs the wrapping key ${id}: ${seen.join("; ")}.`,
    {
      remedy: `Restore the key file of this installation as ${settings.defaultFile} (on a further machine: copy the first one's, or keep the key in a KMS or Vault by SLIPWAY_KEY), or start with the database that belongs to it.`,
    },
  );
}
