import { SlipwayError } from "../errors.ts";
import type { PartOutcome, TaskOutcome } from "./task.ts";

/** What `work` answers as the outcome of a task. An error that nobody can act on is thrown on. */
export async function outcomeOf<T>(
  parts: readonly PartOutcome[],
  work: () => Promise<T>,
): Promise<TaskOutcome<T>> {
  try {
    return { state: "succeeded", parts, result: await work() };
  } catch (thrown) {
    if (thrown instanceof SlipwayError) return { state: "failed", parts, failure: thrown };
    throw thrown;
  }
}
