import type { AttemptRun, StepOutcome } from "../attempt-run.ts";

export async function approval(_run: AttemptRun): Promise<StepOutcome> {
  return { state: "skipped", detail: "nothing asks for it" };
}
