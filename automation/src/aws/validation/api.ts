import type { PlannedCheck } from "./check.ts";
import type { Scope } from "./scope.ts";

/** Filled in its own commit. */
export function apiChecks(_scope: Scope): readonly PlannedCheck[] {
  return [];
}
