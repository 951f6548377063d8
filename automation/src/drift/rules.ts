import type { DriftedResource } from "../contract/drift.ts";

/** How many resources differ in which way, and what that makes of the stack. */
export interface DriftCounts {
  status: "clean" | "drifted";
  gone: number;
  inputChanged: number;
  outputOnly: number;
}

/** What only a provider reports differs all the time and nobody acts on it: it is counted, and is no drift. */
export function countDrift(resources: readonly Pick<DriftedResource, "class">[]): DriftCounts {
  const count = (kind: DriftedResource["class"]): number =>
    resources.filter((resource) => resource.class === kind).length;
  const counts = {
    gone: count("gone"),
    inputChanged: count("input-changed"),
    outputOnly: count("output-only"),
  };
  return { status: counts.gone + counts.inputChanged > 0 ? "drifted" : "clean", ...counts };
}

/** "1 gone, 2 with other inputs"; what differs in no way that counts is "nothing". */
export function sentenceOf({ gone, inputChanged, outputOnly }: Omit<DriftCounts, "status">): string {
  const parts = [
    gone > 0 ? `${gone} gone` : null,
    inputChanged > 0 ? `${inputChanged} with other inputs` : null,
    outputOnly > 0 ? `${outputOnly} with other outputs only` : null,
  ].filter((part) => part !== null);
  return parts.length === 0 ? "nothing differs from the state" : parts.join(", ");
}

/** So often a check begins anew because somebody wrote to the stack meanwhile. */
export const MOST_TRIES = 3;

/** What becomes of a check at its end. `yield`: it waits until the stack is free, and begins anew. */
export type DriftEnding = "record" | "fail" | "yield" | "give-up";

/** A stack that was written to during the check makes what was seen worthless, and what failed may have failed by that. */
export function decideDriftEnding(check: { moved: boolean; failed: boolean; attempt: number }): DriftEnding {
  if (!check.moved) return check.failed ? "fail" : "record";
  return check.attempt < MOST_TRIES ? "yield" : "give-up";
}
