import { randomBytes } from "node:crypto";
import type { Database } from "../database.ts";
import { withTransaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { readFileKey } from "./file-key.ts";
import { InstallationKey } from "./installation-key.ts";
import type { KeySettings } from "./key-settings.ts";
import { findInstallationKey, hasOldSecrets, insertInstallationKey } from "./store.ts";
import { installationKeyContext } from "./wrapping-key.ts";
import type { WrappingKeys } from "./wrapping-keys.ts";

const NAME = "config_v1";

/**
 * The key that belongs to no stack, the same for every process of an installation. It was derived from secret.key alone once; it is kept
 * wrapped so that digests stay what they are and old values stay readable whatever key wraps now, also without that file.
 */
export async function openInstallationKey(
  db: Database,
  wrapping: WrappingKeys,
  settings: KeySettings,
): Promise<InstallationKey> {
  const present = await findInstallationKey(db, NAME);
  if (present === undefined) await makeInstallationKey(db, wrapping, settings);
  const row = present ?? (await findInstallationKey(db, NAME));
  if (row === undefined) throw new Error("the installation's key that was just made is not there");
  const wrappedBy = await wrapping.byId(row.wrappingKey);
  return InstallationKey.from(await wrappedBy.unwrap(installationKeyContext(NAME), row.wrapped));
}

async function makeInstallationKey(
  db: Database,
  wrapping: WrappingKeys,
  settings: KeySettings,
): Promise<void> {
  const file = await readFileKey(settings.defaultFile);
  if (file === undefined && (await hasOldSecrets(db))) {
    throw new SlipwayError("key_unavailable", `The secrets of the database need ${settings.defaultFile}.`, {
      remedy: "Restore the file for this one start; what it is needed for is kept under the configured key.",
    });
  }
  const clear = InstallationKey.bytesOf(
    file === undefined ? () => randomBytes(InstallationKey.PART_BYTES) : (purpose) => file.derive(purpose),
  );
  const wrapped = await wrapping.current.wrap(installationKeyContext(NAME), clear);
  await withTransaction(db, (trx) =>
    insertInstallationKey(trx, { name: NAME, wrappingKey: wrapping.current.id, wrapped }),
  );
}
