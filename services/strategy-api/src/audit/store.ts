import { z } from "zod";
import type { PageRequest } from "../pagination.ts";

const AUDIT_ACTIONS = [
  "template.created",
  "template.removed",
  "strategy.created",
  "strategy.changed",
  "strategy.removed",
  "risk_profile.created",
  "risk_profile.changed",
  "risk_profile.removed",
  "backtest.completed",
] as const;

const Snapshot = z.record(z.string(), z.unknown()).nullable();

export const AuditEntry = z.object({
  position: z.string(),
  at: z.iso.datetime(),
  correlationId: z.string(),
  action: z.enum(AUDIT_ACTIONS),
  subjectId: z.string(),
  before: Snapshot,
  after: Snapshot,
});
export type AuditEntry = z.output<typeof AuditEntry>;

/** When and in which request something is changed: what the audit entry of the change says. */
export type Change = { readonly at: Date; readonly correlationId: string };

/** An entry that is not written yet. */
export type NewAuditEntry = Change & {
  readonly action: (typeof AUDIT_ACTIONS)[number];
  readonly subjectId: string;
  readonly before?: Readonly<Record<string, unknown>>;
  readonly after?: Readonly<Record<string, unknown>>;
};

/** The record of changes. Entries are written by the other stores, in the transaction of the change itself. */
export type AuditStore = {
  /** Entries, newest first, optionally of one subject; one more than the limit. */
  list(page: PageRequest, subjectId: string | null): Promise<AuditEntry[]>;
};
