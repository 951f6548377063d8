import { appendAudit } from "../audit/store.ts";
import type { DestinationPath } from "../contract/notifications.ts";
import type { Transaction } from "../database.ts";

/** Writes an audit entry about a destination. The details never hold an address or a secret. */
export function auditDestination(
  trx: Transaction,
  caller: { principal: string; requestId: string | null },
  { organisation, destination }: DestinationPath,
  action: string,
  details: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const subject = `${organisation}/notifications/${destination}`;
  return appendAudit(trx, { ...caller, action, organisation, subject, details });
}
