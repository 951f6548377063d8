import path from "node:path";
import type { StartConfig } from "../config.ts";
import { openDatabase } from "../database.ts";
import { messageOf, SlipwayError } from "../errors.ts";
import { runningPostgresUrl } from "../postgres/embedded.ts";
import type { KnownWrappingKey } from "../secrets/store.ts";
import { listWrappingKeys } from "../secrets/store.ts";
import { proveConfiguredKey, proveNeededKeys } from "../secrets/wrapping-keys.ts";
import { type DoctorCheck, fail, ok, warn } from "./check.ts";

/** Is the configured wrapping key there, and every other one that the database still needs? Makes no key and changes none. */
export async function checkKeys(config: StartConfig): Promise<DoctorCheck[]> {
  try {
    const known = await knownKeys(config);
    const needed = await proveNeededKeys(known, config.keys);
    const current = await proveConfiguredKey(config.keys, known);
    if (current === undefined) return [ok("wrapping key", "the first start makes it")];
    const others = [...needed.keys()].filter((id) => id !== current.id);
    if (others.length === 0) return [ok("wrapping key", current.id)];
    return [
      warn(
        "wrapping key",
        `${current.id}; ${others.join(", ")} still ${others.length === 1 ? "wraps" : "wrap"} keys too`,
        "slipway keys rewrap moves them.",
      ),
    ];
  } catch (error) {
    const remedy = error instanceof SlipwayError ? error.remedy : undefined;
    return [fail("wrapping key", messageOf(error), remedy ?? "See docs/runbooks/keys.md.")];
  }
}

/** None while there is no database, or one without the tables: the check of the database says so. */
async function knownKeys(config: StartConfig): Promise<KnownWrappingKey[]> {
  const url = config.databaseUrl ?? runningPostgresUrl(path.join(config.dataDir, "postgres"));
  if (url === undefined) return [];
  const { db, close } = openDatabase(url, { applicationName: "slipway-doctor", poolSize: 1 });
  try {
    return await listWrappingKeys(db);
  } catch {
    // Already told by the check of the database.
    return [];
  } finally {
    await close();
  }
}
