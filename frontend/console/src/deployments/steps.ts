import type { StepProgress } from "@slipway/automation/client";

/** The steps of the snapshot in their order, each with what its events say, then steps that only events name. */
export function stepsOf(snapshot: readonly StepProgress[], live: readonly StepProgress[]): StepProgress[] {
  const known = snapshot.map((step) => live.find((one) => one.name === step.name) ?? step);
  const more = live.filter((one) => !snapshot.some((step) => step.name === one.name));
  return [...known, ...more];
}
