import { hostname } from "node:os";
import { openDatabase, withTransaction } from "../database.ts";
import { messageOf, SlipwayError } from "../errors.ts";
import { enqueueNotification } from "../notifications/outbox-store.ts";

const HOUR_MS = 3_600_000;

/**
 * Puts a message about a backup that failed into the outbox: one an hour and machine. Whoever runs backups by a timer reads no terminal. Throws when the database does not take it.
 */
export async function tellFailure(databaseUrl: string, file: string, error: unknown): Promise<void> {
  const { db, close } = openDatabase(databaseUrl, { applicationName: "slipway-backup" });
  const host = hostname();
  const remedy = error instanceof SlipwayError ? (error.remedy ?? null) : null;
  try {
    await withTransaction(db, (trx) =>
      enqueueNotification(trx, {
        organisation: null,
        kind: "backup.failed",
        subject: host,
        body: {
          what: `The backup to ${file} failed: ${messageOf(error)}`,
          who: null,
          why: null,
          nextAction: remedy ?? "Correct what the message names, and take the backup again.",
          page: null,
        },
        dedupeKey: `${host}/${Math.floor(Date.now() / HOUR_MS)}`,
      }),
    );
  } finally {
    await close();
  }
}
