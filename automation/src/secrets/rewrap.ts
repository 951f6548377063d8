import { appendAudit } from "../audit/store.ts";
import type { KeysRewrapped } from "../contract/keys.ts";
import type { Database, Transaction } from "../database.ts";
import { withTransaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import type { Keyring } from "./keyring.ts";
import * as store from "./store.ts";
import type { WrapContext } from "./wrapping-key.ts";
import { dataKeyContext, installationKeyContext } from "./wrapping-key.ts";
import type { WrappingKeys } from "./wrapping-keys.ts";

/** Keys of one request: each costs three calls of the providers, and their rows are locked meanwhile. */
const KEYS_A_REQUEST = 50;
/** Keys are the installation's: its entries stand in the organisation that every installation has. */
const ORGANISATION = "default";

/**
 * Moves keys to the configured wrapping key, as many as one request should, with one audit entry. The last request also retires the wrapping
 * keys that nothing needs any more. A crash undoes one request; asking again goes on. What the data keys sealed is not touched.
 */
export function rewrapSome(
  db: Database,
  { wrapping }: Pick<Keyring, "wrapping">,
  caller: { principal: string; requestId: string },
): Promise<KeysRewrapped> {
  const to = wrapping.current.id;
  return withTransaction(db, async (trx) => {
    const from = new Set<string>();
    const dataKeys = await store.lockDataKeysWrappedOtherwise(trx, to, KEYS_A_REQUEST);
    for (const key of dataKeys) {
      const wrapped = await moved(wrapping, key, dataKeyContext(key.stackId, key.version));
      await store.rewrapDataKey(trx, { ...key, wrappingKey: to, wrapped });
      from.add(key.wrappingKey);
    }
    const others = await store.lockInstallationKeysWrappedOtherwise(trx, to);
    for (const key of others) {
      const wrapped = await moved(wrapping, key, installationKeyContext(key.name));
      await store.rewrapInstallationKey(trx, { ...key, wrappingKey: to, wrapped });
      from.add(key.wrappingKey);
    }
    const count = dataKeys.length + others.length;
    if (count > 0) await audit(trx, caller, "key.rewrapped", { to, from: [...from].toSorted(), keys: count });
    const left = await store.countWrappedOtherwise(trx, to);
    const retired = left === 0 ? await store.retireUnused(trx, to) : [];
    if (retired.length > 0) await audit(trx, caller, "key.retired", { keys: retired });
    return { to, moved: count, left, retired };
  });
}

async function moved(
  wrapping: WrappingKeys,
  key: { wrappingKey: string; wrapped: Buffer },
  context: WrapContext,
): Promise<Buffer> {
  const old = await wrapping.byId(key.wrappingKey);
  const clear = await old.unwrap(context, key.wrapped);
  const wrapped = await wrapping.current.wrap(context, clear);
  // The old wrapping is about to be lost: the new one must open.
  if (!(await wrapping.current.unwrap(context, wrapped)).equals(clear)) {
    throw new SlipwayError(
      "key_unavailable",
      `The key ${wrapping.current.id} does not open what it wrapped.`,
      {
        remedy: "Nothing was moved. Check that key, or configure another one.",
      },
    );
  }
  return wrapped;
}

function audit(
  trx: Transaction,
  caller: { principal: string; requestId: string },
  action: string,
  details: Readonly<Record<string, unknown>>,
): Promise<void> {
  return appendAudit(trx, { ...caller, action, organisation: ORGANISATION, subject: "keys", details });
}
