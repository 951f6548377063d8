import { hostname } from "node:os";
import type { DiskStatus } from "../contract/disk.ts";
import type { Database } from "../database.ts";
import { withTransaction } from "../database.ts";
import type { Logger } from "../logger.ts";
import { enqueueNotification } from "../notifications/outbox-store.ts";
import { diskLow } from "./rules.ts";

const HOUR_MS = 3_600_000;

/** Logs that the disk is low, or no longer, and puts a message about a low one into the outbox: one an hour and machine. Throws when the database does not take it. */
export async function tellOfDisk(
  db: Database,
  logger: Pick<Logger, "warn" | "info">,
  status: DiskStatus,
): Promise<void> {
  if (!status.low) {
    logger.info(status, "there is space for new work again");
    return;
  }
  logger.warn(status, "the disk is low: new deployments and imports are refused");
  const host = hostname();
  const { message, remedy = null } = diskLow(status);
  const hour = Math.floor(Date.parse(status.checkedAt) / HOUR_MS);
  await withTransaction(db, (trx) =>
    enqueueNotification(trx, {
      organisation: null,
      kind: "disk.low",
      subject: host,
      body: { what: message, who: null, why: null, nextAction: remedy, page: null },
      dedupeKey: `${host}/${hour}`,
    }),
  );
}
