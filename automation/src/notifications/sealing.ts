import { randomBytes } from "node:crypto";
import { z } from "zod";
import type { Database } from "../database.ts";
import { withTransaction } from "../database.ts";
import { DATA_KEY_BYTES, openWith, sealWith } from "../secrets/envelope.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { findInstallationKey, insertInstallationKey } from "../secrets/store.ts";
import { installationKeyContext } from "../secrets/wrapping-key.ts";

/** Destinations belong to no stack: their key is one of the installation's, and moves with those when the wrapping key does. */
const KEY_NAME = "notifications_v1";
const KEY_VERSION = 1;

/** What of a destination is not for the database to read. A webhook's path is often a secret itself. */
export const SealedDestination = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("webhook"),
    url: z.string(),
    secret: z.string(),
    /** The secret before, which signs too until then (ISO 8601). */
    previous: z.strictObject({ secret: z.string(), until: z.iso.datetime() }).nullable(),
  }),
  z.strictObject({ type: z.literal("email"), to: z.array(z.string()).min(1) }),
]);
export type SealedDestination = z.infer<typeof SealedDestination>;

/** Seals and opens what destinations hold. Bound to the destination's id: moved to another one it does not open. */
export interface DestinationSealing {
  seal(db: Database, destinationId: string, content: SealedDestination): Promise<Buffer>;
  /** Throws SlipwayError `secret_unreadable` when another installation sealed it. */
  open(db: Database, destinationId: string, sealed: Uint8Array): Promise<SealedDestination>;
}

/** Opens the key on first use and keeps it: its version never changes. */
export function destinationSealing({ wrapping }: Pick<Keyring, "wrapping">): DestinationSealing {
  let kept: Buffer | undefined;
  const key = async (db: Database): Promise<Buffer> => {
    if (kept !== undefined) return kept;
    if ((await findInstallationKey(db, KEY_NAME)) === undefined) {
      const wrapped = await wrapping.current.wrap(
        installationKeyContext(KEY_NAME),
        randomBytes(DATA_KEY_BYTES),
      );
      await withTransaction(db, (trx) =>
        insertInstallationKey(trx, { name: KEY_NAME, wrappingKey: wrapping.current.id, wrapped }),
      );
    }
    const row = await findInstallationKey(db, KEY_NAME);
    if (row === undefined) throw new Error("the key of notifications that was just made is not there");
    const wrappedBy = await wrapping.byId(row.wrappingKey);
    const clear = await wrappedBy.unwrap(installationKeyContext(KEY_NAME), row.wrapped);
    // Of a transaction that is still open it may yet be rolled back.
    if (!db.isTransaction) kept = clear;
    return clear;
  };
  return {
    seal: async (db, destinationId, content) =>
      sealWith(
        { stackId: destinationId, version: KEY_VERSION, key: await key(db) },
        "destination",
        Buffer.from(JSON.stringify(content)),
      ),
    open: async (db, destinationId, sealed) => {
      const dataKey = { stackId: destinationId, version: KEY_VERSION, key: await key(db) };
      const clear = openWith(dataKey, "destination", sealed);
      return SealedDestination.parse(JSON.parse(clear.toString("utf8")));
    },
  };
}
