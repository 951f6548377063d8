import type { Database } from "../database.ts";
import { messageOf, SlipwayError } from "../errors.ts";
import type { FileKey } from "./file-key.ts";
import { readFileKey, readOrMakeFileKey } from "./file-key.ts";
import type { KeySettings } from "./key-settings.ts";
import type { KnownWrappingKey } from "./store.ts";
import { listWrappingKeys, putWrappingKey } from "./store.ts";
import type { WrappingKey } from "./wrapping-key.ts";

const CANARY = "slipway canary";
const CANARY_CONTEXT = { "slipway:canary": "v1" };

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
  const opened = new Map<string, WrappingKey>();
  const find = async (id: string): Promise<WrappingKey> => {
    const present = opened.get(id);
    if (present !== undefined) return present;
    const key = await openById(settings, id);
    opened.set(id, key);
    return key;
  };
  for (const one of known.filter(({ wraps }) => wraps > 0)) await checkCanary(await find(one.id), one);

  const current = await openConfigured(settings, known);
  opened.set(current.id, current);
  const registered = known.find(({ id }) => id === current.id);
  if (registered === undefined || registered.retired) {
    const canary = await current.wrap(CANARY_CONTEXT, Buffer.from(CANARY));
    // A key that may wrap and not unwrap would lock everything in.
    await checkCanary(current, { id: current.id, canary });
    await putWrappingKey(db, current.id, canary);
  }
  const now = (await listWrappingKeys(db)).find(({ id }) => id === current.id);
  if (now !== undefined) await checkCanary(current, now);
  return { current, byId: find };
}

async function checkCanary(key: WrappingKey, known: Pick<KnownWrappingKey, "id" | "canary">): Promise<void> {
  const clear = await key.unwrap(CANARY_CONTEXT, known.canary);
  if (clear.toString() === CANARY) return;
  throw new SlipwayError("key_wrong", `The key ${key.id} is not the one that this database was made with.`, {
    remedy: "Restore the key, or the database that belongs to it.",
  });
}

/** The key of the configuration. A key file is made only for a database that has never known one. */
async function openConfigured(
  settings: KeySettings,
  known: readonly KnownWrappingKey[],
): Promise<WrappingKey> {
  const { choice } = settings;
  switch (choice.provider) {
    case "file": {
      if (choice.file === settings.defaultFile && !known.some(({ id }) => id.startsWith("file:"))) {
        return readOrMakeFileKey(choice.file);
      }
      const key = await readFileKey(choice.file);
      if (key !== undefined) return key;
      throw new SlipwayError("key_unavailable", `The key file ${choice.file} is not there.`, {
        remedy: `Restore it from a backup. For a new one: (umask 077; openssl rand -base64 32 > ${choice.file}).`,
      });
    }
    default:
      throw new Error("not built");
  }
}

async function openById(settings: KeySettings, id: string): Promise<WrappingKey> {
  if (id.startsWith("file:")) return openFileById(settings, id);
  throw new Error("not built");
}

async function openFileById(settings: KeySettings, id: string): Promise<FileKey> {
  const configured = settings.choice.provider === "file" ? [settings.choice.file] : [];
  const files = [...new Set([settings.defaultFile, ...configured])];
  const seen: string[] = [];
  for (const file of files) {
    const key = await readFileKey(file);
    if (key?.id === id) return key;
    seen.push(key === undefined ? `${file} is not there` : `${file} holds ${key.id}`);
  }
  throw new SlipwayError(
    "key_unavailable",
    `The database needs the wrapping key ${id}: ${seen.join("; ")}.`,
    {
      remedy: `Restore the key file of this installation as ${settings.defaultFile}, or start with the database that belongs to it.`,
    },
  );
}

/** For texts that name what went wrong with a provider. */
export function causeOf(error: unknown): string {
  return messageOf(error).replace(/\.$/, "");
}
