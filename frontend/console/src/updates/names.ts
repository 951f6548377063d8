import { formatChanges, formatPlannedChanges } from "@slipway/automation/client";
import type { Update } from "@slipway/automation/contract";

/** How a run of the Pulumi CLI is called: `pulumi update v7`; a preview has no number. */
export function updateName({ kind, number }: Pick<Update, "kind" | "number">): string {
  return number === null ? `pulumi ${kind}` : `pulumi ${kind} v${number}`;
}

/** What an update changed, or would change. */
export function changesOfUpdate(update: Pick<Update, "changes" | "dryRun">): string {
  if (Object.values(update.changes).every((count) => count === 0)) return "–";
  return update.dryRun ? formatPlannedChanges(update.changes) : formatChanges(update.changes);
}
