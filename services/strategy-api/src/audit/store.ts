import { z } from "zod";
import type { Queryable } from "../database.ts";
import { ColumnInstant } from "../fields.ts";
import type { PageRequest } from "../pagination.ts";

export const AUDIT_ACTIONS = [
  "strategy.created",
  "strategy.changed",
  "strategy.removed",
  "risk_profile.created",
  "risk_profile.changed",
  "risk_profile.removed",
  "backtest.completed",
] as const;

const Snapshot = z.record(z.string(), z.unknown()).nullable();

const AuditRow = z.object({
  position: z.string(),
  at: ColumnInstant,
  correlationId: z.string(),
  action: z.enum(AUDIT_ACTIONS),
  subjectId: z.string(),
  before: Snapshot,
  after: Snapshot,
});
export type AuditEntry = z.output<typeof AuditRow>;

/** Appends an entry. Call it with the transaction of the change itself. */
export async function appendAudit(
  tx: Queryable,
  entry: {
    readonly at: Date;
    readonly correlationId: string;
    readonly action: (typeof AUDIT_ACTIONS)[number];
    readonly subjectId: string;
    readonly before?: Readonly<Record<string, unknown>>;
    readonly after?: Readonly<Record<string, unknown>>;
  },
): Promise<void> {
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

/** Entries, newest first, optionally of one subject; one more than the limit. */
export async function listAudit(
  db: Queryable,
  page: PageRequest,
  subjectId: string | null,
): Promise<AuditEntry[]> {
  const { rows } = await db.query(
    `select position, at, correlation_id as "correlationId", action, subject_id as "subjectId", before, after
       from audit_entries
      where ($1::bigint is null or position < $1) and ($2::text is null or subject_id = $2)
      order by position desc
      limit $3`,
    [page.before, subjectId, page.limit + 1],
  );
  return z.array(AuditRow).parse(rows);
}
