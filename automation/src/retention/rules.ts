import type { RetentionCategory, RetentionLimits } from "../contract/retention.ts";

const GIGABYTE = 1_000_000_000;

/** Where a category's units are: rows, or files of the machine that collects. */
export interface CategoryRule {
  what: string;
  limits: RetentionLimits;
  place: "database" | "folder";
}

/** Every category with what it keeps and for how long unless a setting says otherwise. */
export const CATEGORIES: Readonly<Record<RetentionCategory, CategoryRule>> = {
  "deployment-events": {
    what: "events and log lines of deployments that have ended",
    limits: { maxAgeDays: 90, maxBytes: null },
    place: "database",
  },
  previews: {
    what: "steps of previews and seals; those of deployments that run or wait, of the seals that they are bound to, and of releases that are not bad stay",
    limits: { maxAgeDays: 90, maxBytes: null },
    place: "database",
  },
  "cli-events": {
    what: "events of runs of the Pulumi CLI that have ended",
    limits: { maxAgeDays: 30, maxBytes: null },
    place: "database",
  },
  journals: {
    what: "journals that have been made into a state",
    limits: { maxAgeDays: 7, maxBytes: null },
    place: "database",
  },
  states: {
    what: "earlier states; the newest 20 of each stack and those of releases that are not bad stay",
    limits: { maxAgeDays: 365, maxBytes: null },
    place: "database",
  },
  "drift-checks": {
    what: "drift checks; the newest 20 of each stack and those of open alerts stay",
    limits: { maxAgeDays: 365, maxBytes: null },
    place: "database",
  },
  "schedule-slots": {
    what: "what became of slots of schedules; the newest of each schedule stays",
    limits: { maxAgeDays: 365, maxBytes: null },
    place: "database",
  },
  "idempotency-keys": {
    what: "answers kept for requests that are repeated",
    limits: { maxAgeDays: 2, maxBytes: null },
    place: "database",
  },
  artifacts: {
    what: "content of sources and services; what releases that are not bad, quarantines, and deployments that run or wait need stays",
    limits: { maxAgeDays: 30, maxBytes: null },
    place: "database",
  },
  "artifact-copies": {
    what: "this machine's copies of artifacts; they are fetched again when needed",
    limits: { maxAgeDays: 7, maxBytes: 5 * GIGABYTE },
    place: "folder",
  },
  dependencies: {
    what: "installed dependencies; those of releases that are not bad, and of deployments that run or wait, stay",
    limits: { maxAgeDays: 30, maxBytes: null },
    place: "folder",
  },
  failures: {
    what: "work dirs kept of failed attempts",
    limits: { maxAgeDays: 14, maxBytes: 2 * GIGABYTE },
    place: "folder",
  },
  caches: {
    what: "compiled programs",
    limits: { maxAgeDays: 30, maxBytes: 1 * GIGABYTE },
    place: "folder",
  },
};

/** Something that may be removed: nothing needs it. */
export interface Unit {
  id: string;
  /** Milliseconds since 1970 when it was last of use. */
  at: number;
  bytes: number;
}

/** Which units go, oldest first: those that are too old, and the oldest of those that together are too large. `keptBytes`: what is needed counts towards the size too. */
export function unitsToRemove(
  units: readonly Unit[],
  limits: RetentionLimits,
  now: number,
  keptBytes = 0,
): Unit[] {
  const oldest = limits.maxAgeDays === null ? Number.NEGATIVE_INFINITY : now - limits.maxAgeDays * DAY_MS;
  let total = units.reduce((sum, { bytes }) => sum + bytes, keptBytes);
  const removed: Unit[] = [];
  for (const unit of units.toSorted((one, other) => one.at - other.at)) {
    const isTooLarge = limits.maxBytes !== null && total > limits.maxBytes;
    if (unit.at >= oldest && !isTooLarge) continue;
    removed.push(unit);
    total -= unit.bytes;
  }
  return removed;
}

const DAY_MS = 86_400_000;
