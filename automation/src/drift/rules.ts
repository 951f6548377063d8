import type { DriftCheckKind, DriftedResource } from "../contract/drift.ts";

/** How many resources differ in which way, and what that makes of the stack. */
export interface DriftCounts {
  status: "clean" | "drifted";
  gone: number;
  inputChanged: number;
  outputOnly: number;
}

/** What only a provider reports differs all the time and nobody acts on it: it is counted, and is no drift. What is quiet is not even counted. */
export function countDrift(
  resources: readonly (Pick<DriftedResource, "class"> & Partial<Pick<DriftedResource, "quiet">>)[],
): DriftCounts {
  const count = (kind: DriftedResource["class"]): number =>
    resources.filter((resource) => resource.class === kind && (resource.quiet ?? null) === null).length;
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

/** So many checks in a row that could not be made are told of. */
export const UNKNOWN_IN_A_ROW = 3;

/** What is read once and not found may be there: an eventually consistent list, one false 404. It is read again after so long. */
export const SECOND_READ_AFTER_MS = 60_000;

/** More than this part of a stack gone at once is more likely another account or region. Two or fewer of a tiny stack say nothing of the kind. */
export const MANY_GONE_SHARE = 0.2;
export const MANY_GONE_FLOOR = 3;

/** Whether so much is gone that nobody should believe it. */
export function isTooMuchGone(gone: number, resources: number): boolean {
  return gone >= MANY_GONE_FLOOR && gone > resources * MANY_GONE_SHARE;
}

/** What differs later than this after an update may be somebody's work: it is no birth mark. */
export const BIRTH_WITHIN_MS = 3_600_000;

/** Whether a check's differences are those that the update before it left. */
export function isBirth(kind: DriftCheckKind, stateAgeMs: number): boolean {
  return kind === "birth" && stateAgeMs <= BIRTH_WITHIN_MS;
}

/** Checks without an operation between them in which an output must have moved before it counts as moving by itself. */
export const MOVES_TO_LEARN = 3;

/** An output whose value was seen to move. */
export interface Movement {
  state: number;
  value: string;
  moves: number;
  learned: boolean;
}

/** What an output's value of one check adds to what was seen before; an operation begins the count anew. */
export function learnMovement(
  before: Movement | undefined,
  seen: { state: number; value: string },
): Movement {
  if (before === undefined || (!before.learned && before.state !== seen.state))
    return { ...seen, moves: 1, learned: false };
  const moves = before.moves + (before.value === seen.value ? 0 : 1);
  return { ...seen, moves, learned: before.learned || moves >= MOVES_TO_LEARN };
}

/** So many alerts at once are one message: nobody reads twenty-one. */
export const STORM = 20;

/** Whether alerts of one moment are told one by one. */
export function isStorm(alerts: number): boolean {
  return alerts > STORM;
}
