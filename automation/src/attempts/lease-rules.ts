/** How long a claim lasts without a renewal, by the database's clock. */
export const LEASE_MS = 16_000;

/** The right to write to one stack: its row in stack_writers. Times are milliseconds of the database's clock. */
export interface WriterRow {
  holder: string | null;
  holderKind: "attempt" | "update" | null;
  /** Only grows: each claim is one more. */
  epoch: number;
  expiresAt: number | null;
}

/** The row of a stack that nobody has ever written to. */
export const NO_WRITER: WriterRow = { holder: null, holderKind: null, epoch: 0, expiresAt: null };

/** What an attempt says about itself with each request. */
export interface LeaseHolder {
  attemptId: string;
  epoch: number;
}

/** Whether the request is granted, with the row as it is afterwards; the same row when it is not. */
export interface LeaseDecision {
  granted: boolean;
  row: WriterRow;
}

/*
 * The statements of attempts/store.ts and attempts/claim-store.ts decide the same on the locked row; a test compares them on rows of every kind.
 */

/** Takes the right to write for an attempt, with the next epoch. A bare update of the CLI keeps it beyond its time: its journal must first be made into a state. */
export function claim(row: WriterRow, { attemptId }: { attemptId: string }, now: number): LeaseDecision {
  const isFree = row.holder === null || (row.holderKind === "attempt" && !isInTime(row, now));
  if (!isFree) return { granted: false, row };
  return {
    granted: true,
    row: { holder: attemptId, holderKind: "attempt", epoch: row.epoch + 1, expiresAt: now + LEASE_MS },
  };
}

/** Makes a right that still lasts last longer. One that has run out is never revived: somebody may be taking it over. */
export function renew(row: WriterRow, by: LeaseHolder, now: number): LeaseDecision {
  return holds(row, by, now)
    ? { granted: true, row: { ...row, expiresAt: now + LEASE_MS } }
    : { granted: false, row };
}

/** Whether an attempt may write now: the row names it, its epoch is the row's, and its time is not up. */
export function write(row: WriterRow, by: LeaseHolder, now: number): LeaseDecision {
  return { granted: holds(row, by, now), row };
}

/** Frees a stack from an attempt whose time is up, for whoever finds it so; the attempt is told as lost in the same transaction. */
export function takeOver(row: WriterRow, of: LeaseHolder, now: number): LeaseDecision {
  return isNamed(row, of) && !isInTime(row, now)
    ? { granted: true, row: freed(row) }
    : { granted: false, row };
}

/** Frees a stack for its holder, whose transaction has found before that it may write; nothing of the attempt runs any more. */
export function end(row: WriterRow, by: LeaseHolder): LeaseDecision {
  return isNamed(row, by) ? { granted: true, row: freed(row) } : { granted: false, row };
}

function holds(row: WriterRow, by: LeaseHolder, now: number): boolean {
  return isNamed(row, by) && isInTime(row, now);
}

function isNamed(row: WriterRow, { attemptId, epoch }: LeaseHolder): boolean {
  return row.holder === attemptId && row.epoch === epoch;
}

/** A right that ends at this very instant has ended. */
function isInTime({ expiresAt }: WriterRow, now: number): boolean {
  return expiresAt !== null && expiresAt > now;
}

/** The epoch stays, so that the next holder's is another one. */
function freed({ epoch }: WriterRow): WriterRow {
  return { holder: null, holderKind: null, epoch, expiresAt: null };
}
