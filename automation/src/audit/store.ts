import { sql } from "kysely";
import type { AuditEntry } from "../contract/audit.ts";
import type { Database, Transaction } from "../database.ts";

/** A change as its audit entry names it. */
export interface AuditFact {
  /** Id of the principal: `owner`, `worker:<id>`, `system`. */
  principal: string;
  /** noun.verb, see contract/audit.ts. */
  action: string;
  organisation: string;
  /** organisation/project/stack, or shorter when the subject is not a stack. */
  subject: string;
  /** Never a secret's value. */
  details?: Readonly<Record<string, unknown>>;
  /** The HTTP request that asked for the change; null when none did. */
  requestId: string | null;
}

/**
 * Writes one entry in the transaction of the change it tells of, so that neither is there without the other. Its time is that of the change, not of the transaction's start, which may have waited for a lock: who
 * changed what before a deployment was requested, and who after it, is told by that.
 */
export async function appendAudit(trx: Transaction, fact: AuditFact): Promise<void> {
  await trx
    .insertInto("audit_entries")
    .values({
      at: sql<Date>`clock_timestamp()`,
      principal: fact.principal,
      action: fact.action,
      organisation: fact.organisation,
      subject: fact.subject,
      details: JSON.stringify(fact.details ?? {}),
      request_id: fact.requestId,
    })
    .execute();
}

/** Which entries a reader asks for. `before` is the sequence of the last one seen. */
export interface AuditQuery {
  /** Organisations whose entries the caller may see. */
  within: "all" | readonly string[];
  organisation?: string | undefined;
  /** organisation/project or organisation/project/stack: that subject and what lies below it. */
  subject?: string | undefined;
  action?: string | undefined;
  before?: number | undefined;
  limit: number;
}

/** Entries, newest first. */
export async function listAudit(db: Database, query: AuditQuery): Promise<AuditEntry[]> {
  const { within, organisation, subject, action, before } = query;
  const rows = await db
    .selectFrom("audit_entries")
    .selectAll()
    .$if(within !== "all", (q) => q.where("organisation", "=", sql<string>`any(${within})`))
    .$if(organisation !== undefined, (q) => q.where("organisation", "=", organisation ?? ""))
    .$if(subject !== undefined, (q) =>
      q.where((eb) =>
        eb.or([
          eb("subject", "=", subject ?? ""),
          eb(eb.fn<boolean>("starts_with", ["subject", eb.val(`${subject}/`)]), "=", true),
        ]),
      ),
    )
    .$if(action !== undefined, (q) => q.where("action", "=", action ?? ""))
    .$if(before !== undefined, (q) => q.where("sequence", "<", before ?? 0))
    .orderBy("sequence", "desc")
    .limit(query.limit)
    .execute();
  return rows.map((row) => ({
    sequence: row.sequence,
    at: row.at.toISOString(),
    principal: row.principal,
    action: row.action,
    organisation: row.organisation,
    subject: row.subject,
    details: row.details,
    requestId: row.request_id,
  }));
}
