import type { ValidationCheck, ValidationReport } from "../../contract/aws/validation.ts";

/** A check in one line, for logs and terminals. */
export function lineOf({ group, check, state, detail, latencyMs }: ValidationCheck): string {
  const latency = latencyMs === null ? "" : ` (${latencyMs} ms)`;
  return `${state.padEnd("not-applicable".length)}  ${group}: ${check}${latency}: ${detail}`;
}

/** The report's last line. */
export function summaryOf({ counts, environment, groups }: ValidationReport): string {
  const left = counts.notApplicable === 0 ? "" : `, ${counts.notApplicable} not applicable`;
  return `${environment}: ${counts.passed} checks passed, ${counts.failed} failed${left} (${groups.join(", ")}).`;
}
