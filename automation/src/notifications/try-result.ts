import type { AttemptOutcome } from "./rules.ts";

/** What one try came to, for the record and for the rules. */
export interface TryResult {
  outcome: AttemptOutcome;
  /** Of HTTP or SMTP. */
  statusCode: number | null;
  /** What a person should know although the message arrived. */
  note?: string;
}

/** A later try may end otherwise. */
export function failed(error: string, statusCode: number | null = null, retryAfterMs?: number): TryResult {
  return {
    outcome: { kind: "failed", error, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
    statusCode,
  };
}

/** No later try can end otherwise, unless a person changes something first. */
export function refused(error: string, statusCode: number | null = null): TryResult {
  return { outcome: { kind: "refused", error }, statusCode };
}
