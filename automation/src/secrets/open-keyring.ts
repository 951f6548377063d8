import { randomBytes } from "node:crypto";
import type { Database, Transaction } from "../database.ts";
import { withTransaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import type { DataKey } from "./envelope.ts";
import { DATA_KEY_BYTES, keyVersionOf, openWith, sealWith } from "./envelope.ts";
import type { KeySettings } from "./key-settings.ts";
import type { Keyring } from "./keyring.ts";
import { openInstallationKey } from "./open-installation-key.ts";
import type { WrappedDataKey } from "./store.ts";
import { findDataKey, insertDataKey, lockForDataKeys } from "./store.ts";
import { dataKeyContext } from "./wrapping-key.ts";
import type { WrappingKeys } from "./wrapping-keys.ts";
import { openWrappingKeys } from "./wrapping-keys.ts";

export interface KeyringOptions {
  /** The pool: keys that every process needs are looked up and made at once. */
  db: Database;
  settings: KeySettings;
}

/**
 * Opens the keys of an installation: its wrapping keys, each proven by its canary, and the key that belongs to no stack. Throws SlipwayError
 * `key_wrong`, `key_unavailable`, `secret_file_exposed` or `secret_key_damaged`; a server or worker must not start then.
 */
export async function openKeyring({ db, settings }: KeyringOptions): Promise<Keyring> {
  const wrapping = await openWrappingKeys(db, settings);
  const installation = await openInstallationKey(db, wrapping, settings);
  const unwrapped = new UnwrappedKeys(wrapping);

  const newest: Keyring["newest"] = async (trx, stackId) =>
    unwrapped.of((await findDataKey(trx, stackId)) ?? (await makeFirst(trx, wrapping, stackId)));
  const version: Keyring["version"] = async (trx, stackId, number) => {
    const cached = unwrapped.find(stackId, number);
    if (cached !== undefined) return cached;
    const row = await findDataKey(trx, stackId, number);
    if (row !== undefined) return unwrapped.of(row);
    throw new SlipwayError(
      "secret_unreadable",
      "A sealed value cannot be opened: its stack has no such key.",
      {
        remedy: "Another installation or another stack sealed it: set the value again.",
      },
    );
  };
  return {
    wrapping,
    installation,
    newest,
    version,
    seal: async (trx, stackId, purpose, clear) => sealWith(await newest(trx, stackId), purpose, clear),
    open: async (trx, stackId, purpose, sealed) =>
      openWith(await version(trx, stackId, keyVersionOf(sealed)), purpose, sealed),
  };
}

function makeFirst(db: Database, wrapping: WrappingKeys, stackId: string): Promise<WrappedDataKey> {
  return withTransaction(db, async (trx) => {
    if (!(await lockForDataKeys(trx, stackId))) {
      throw new SlipwayError("not_found", "There is no such stack to make a key for.");
    }
    // Whoever held the lock before may have made it.
    return (await findDataKey(trx, stackId)) ?? addDataKey(trx, wrapping, stackId, 1);
  });
}

/** Makes a version of a stack's data key. The caller holds the stack's lock for data keys. */
export async function addDataKey(
  trx: Transaction,
  wrapping: WrappingKeys,
  stackId: string,
  version: number,
): Promise<WrappedDataKey> {
  const wrapped = await wrapping.current.wrap(dataKeyContext(stackId, version), randomBytes(DATA_KEY_BYTES));
  const row = { stackId, version, wrappingKey: wrapping.current.id, wrapped };
  await insertDataKey(trx, row);
  return { ...row, committed: false };
}

/**
 * Data keys in clear. One of a transaction that is still open is not kept: after a rollback something would be sealed under a key that
 * is nowhere. A kept one stays right, since the key of a version never changes and none is ever removed.
 */
class UnwrappedKeys {
  readonly #wrapping: WrappingKeys;
  readonly #kept = new Map<string, DataKey>();
  readonly #underWay = new Map<string, Promise<DataKey>>();

  constructor(wrapping: WrappingKeys) {
    this.#wrapping = wrapping;
  }

  find(stackId: string, version: number): DataKey | undefined {
    return this.#kept.get(`${stackId}/${version}`);
  }

  async of(row: WrappedDataKey): Promise<DataKey> {
    const kept = this.find(row.stackId, row.version);
    if (kept !== undefined && row.committed) return kept;
    const place = `${row.stackId}/${row.version}/${row.wrappingKey}/${row.wrapped.toString("base64")}`;
    // Many requests at once after a start must not each ask the key's provider.
    const asked = this.#underWay.get(place) ?? this.#unwrap(row);
    this.#underWay.set(place, asked);
    try {
      const key = await asked;
      if (row.committed) this.#kept.set(`${row.stackId}/${row.version}`, key);
      return key;
    } finally {
      this.#underWay.delete(place);
    }
  }

  async #unwrap({ stackId, version, wrappingKey, wrapped }: WrappedDataKey): Promise<DataKey> {
    const wrapping = await this.#wrapping.byId(wrappingKey);
    const key = await wrapping.unwrap(dataKeyContext(stackId, version), wrapped);
    if (key.length !== DATA_KEY_BYTES) throw new Error("a data key has another length");
    return { stackId, version, key };
  }
}
