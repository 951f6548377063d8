import type { ValidationCheck, ValidationGroup, ValidationState } from "../../contract/aws/validation.ts";
import { messageOf } from "../../errors.ts";

/** What one check concluded. */
export interface Verdict {
  state: ValidationState;
  detail: string;
  latencyMs?: number;
}

export const passed = (detail: string): Verdict => ({ state: "passed", detail });
export const failed = (detail: string): Verdict => ({ state: "failed", detail });
export const notApplicable = (reason: string): Verdict => ({ state: "not-applicable", detail: reason });

/** A verdict with the latency of the request that it is about. */
export function withLatency(verdict: Verdict, latencyMs: number): Verdict {
  return { ...verdict, latencyMs };
}

/** A check that was not looked at yet. */
export interface PlannedCheck {
  check: string;
  look: () => Promise<Verdict>;
  /** Removes what the checks before it made: also looked at when the validation is stopped half-way. */
  isCleanUp?: boolean;
}

/** Looks, and times it. What is thrown is a failed check, unless the whole validation was stopped. */
export async function runCheck(
  group: ValidationGroup,
  { check, look }: PlannedCheck,
  signal: AbortSignal,
): Promise<ValidationCheck> {
  signal.throwIfAborted();
  const start = performance.now();
  const verdict = await look().catch((thrown: unknown) => {
    signal.throwIfAborted();
    return failed(describeThrown(thrown));
  });
  return {
    group,
    check,
    state: verdict.state,
    detail: verdict.detail,
    durationMs: Math.round(performance.now() - start),
    latencyMs: verdict.latencyMs === undefined ? null : Math.round(verdict.latencyMs),
  };
}

/** A thrown value in one line; an error of AWS begins with its name, which says most. */
function describeThrown(thrown: unknown): string {
  const message = messageOf(thrown).split("\n")[0] ?? "";
  const name = thrown instanceof Error ? thrown.name : "Error";
  if (name === "Error" || name === "SlipwayError" || name === "TypeError") return message;
  return message === "" || message === "UnknownError" ? name : `${name}: ${message}`;
}
