import type { Database } from "../database.ts";
import { messageOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { ContentStore } from "./content-store.ts";
import { storedDigests } from "./store.ts";

const LOOKED_UP_AT_ONCE = 500;

/**
 * Puts the files of an installation from before contents were in the database there, once a data folder. Resolves when all are there or `signal` aborts; what could not be
 * put there is logged and tried again at the next start.
 */
export async function uploadEarlierFiles(
  { db, artifacts, logger }: { db: Database; artifacts: ContentStore; logger: Pick<Logger, "info" | "warn"> },
  signal: AbortSignal,
): Promise<void> {
  try {
    const digests = await artifacts.notUploaded();
    let uploaded = 0;
    for (let from = 0; from < digests.length; from += LOOKED_UP_AT_ONCE) {
      const some = digests.slice(from, from + LOOKED_UP_AT_ONCE);
      const stored = await storedDigests(db, some);
      for (const digest of some) {
        if (signal.aborted) return;
        if (stored.has(digest)) continue;
        if (await artifacts.upload(digest)) uploaded += 1;
        else
          logger.warn(
            { digest },
            "a file of the artifact store is damaged or named by nothing; it stays here alone",
          );
      }
    }
    if (digests.length > 0)
      logger.info({ files: digests.length, uploaded }, "the files of the artifact store are in the database");
    await artifacts.markUploaded();
  } catch (error) {
    logger.warn({ error: messageOf(error) }, "the files of the artifact store are not all in the database");
  }
}
