import type { ApprovalSummary, AwaitedSignOff } from "../contract/approvals.ts";

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A span in milliseconds as people say it: `840 ms`, `4.2 s`, `3 min 5 s`, `2 h 10 min`, `3 d 4 h`. */
export function formatDuration(spanMs: number): string {
  const span = Math.max(0, spanMs);
  if (span < SECOND_MS) return `${Math.round(span)} ms`;
  // 59.96 s would be printed as 60.0 s.
  if (span < MINUTE_MS - 50) return `${(span / SECOND_MS).toFixed(1)} s`;
  if (span < HOUR_MS) return pair(Math.round(span / SECOND_MS), 60, "min", "s");
  if (span < DAY_MS) return pair(Math.round(span / MINUTE_MS), 60, "h", "min");
  return pair(Math.round(span / HOUR_MS), 24, "d", "h");
}

function pair(count: number, per: number, large: string, small: string): string {
  const rest = count % per;
  const whole = `${Math.floor(count / per)} ${large}`;
  return rest === 0 ? whole : `${whole} ${rest} ${small}`;
}

/** How long ago an instant was: `just now`, `4 min ago`, `3 d ago`; beyond a month its date (UTC). */
export function formatAge(instant: string, now: number): string {
  const span = now - Date.parse(instant);
  if (span < 45 * SECOND_MS) return "just now";
  if (span < HOUR_MS) return `${Math.max(1, Math.round(span / MINUTE_MS))} min ago`;
  if (span < DAY_MS) return `${Math.round(span / HOUR_MS)} h ago`;
  if (span < 30 * DAY_MS) return `${Math.round(span / DAY_MS)} d ago`;
  return instant.slice(0, 10);
}

/** A count of resources in words; null is one that nobody knows yet. */
export function formatResourceCount(count: number | null): string {
  if (count === null) return "all resources";
  return count === 1 ? "1 resource" : `${count} resources`;
}

/** A size in bytes with a decimal unit: `512 B`, `4.1 kB`, `113 MB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let size = bytes;
  let unit = 0;
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit === 0 || size >= 10 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}

/** What an engine's operation has done, for counts and rows: `create` is `created`. */
const PAST: Readonly<Record<string, string>> = {
  create: "created",
  update: "updated",
  replace: "replaced",
  delete: "deleted",
  same: "unchanged",
  read: "read",
  refresh: "refreshed",
  import: "imported",
};
/** What an engine's operation is doing: `create` is `creating`. */
const PRESENT: Readonly<Record<string, string>> = {
  create: "creating",
  update: "updating",
  replace: "replacing",
  delete: "deleting",
  same: "checking",
  read: "reading",
  refresh: "refreshing",
  import: "importing",
};

export function pastTense(operation: string): string {
  return PAST[operation] ?? operation;
}
export function presentTense(operation: string): string {
  return PRESENT[operation] ?? operation;
}

/** Counts by operation in words, unchanged last: `2 created, 1 deleted, 5 unchanged`; `no resources` when empty. */
export function formatChanges(changes: Readonly<Record<string, number>>): string {
  const counted = Object.entries(changes).filter(([, count]) => count > 0);
  counted.sort(([a], [b]) => Number(a === "same") - Number(b === "same"));
  if (counted.length === 0) return "no resources";
  return counted.map(([operation, count]) => `${count} ${pastTense(operation)}`).join(", ");
}

/** The same of a preview: `2 to create, 1 to delete, 5 unchanged`. */
export function formatPlannedChanges(changes: Readonly<Record<string, number>>): string {
  const counted = Object.entries(changes).filter(([, count]) => count > 0);
  counted.sort(([a], [b]) => Number(a === "same") - Number(b === "same"));
  if (counted.length === 0) return "no resources";
  return counted
    .map(([operation, count]) => (operation === "same" ? `${count} unchanged` : `${count} to ${operation}`))
    .join(", ");
}

/** What is to be signed off: "release 3 of test". */
export function formatBrought(brings: AwaitedSignOff["brings"]): string {
  return brings.kind === "release"
    ? `release ${brings.release} of ${brings.stack}`
    : `the source ${brings.sourceDigest}`;
}

/** What a deployment waits for: "2 votes and the sign-off". */
export function formatMissing({
  missing,
  signOffMissing,
}: Pick<ApprovalSummary, "missing" | "signOffMissing">): string {
  const votes = `${missing} ${missing === 1 ? "vote" : "votes"}`;
  if (!signOffMissing) return votes;
  return missing === 0 ? "the sign-off" : `${votes} and the sign-off`;
}
