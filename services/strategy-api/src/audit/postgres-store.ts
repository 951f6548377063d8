import { z } from "zod";
import type { Queryable } from "../database.ts";
import { ColumnInstant } from "../fields.ts";
import { AuditEntry, type AuditStore, type NewAuditEntry } from "./store.ts";

const AuditRow = AuditEntry.extend({ at: ColumnInstant });

/** Appends an entry. Call it with the transaction of the change itself. */
export async function appendAudit(tx: Queryable, entry: NewAuditEntry): Promise<void> {
  await tx.query(
    `insert into audit_entries (at, correlation_id, action, subject_id, before, after)
     values ($1, $2, $3, $4, $5, $6)`,
    [
      entry.at,
      entry.correlationId,
      entry.action,
      entry.subjectId,
      entry.before === undefined ? null : JSON.stringify(entry.before),
      entry.after === undefined ? null : JSON.stringify(entry.after),
    ],
  );
}

export function postgresAudit(db: Queryable): AuditStore {
  return {
    async list(page, subjectId) {
      const { rows } = await db.query(
        `select position, at, correlation_id as "correlationId", action, subject_id as "subjectId", before, after
           from audit_entries
          where ($1::bigint is null or position < $1) and ($2::text is null or subject_id = $2)
          order by position desc
          limit $3`,
        [page.before, subjectId, page.limit + 1],
      );
      return z.array(AuditRow).parse(rows);
    },
  };
}
