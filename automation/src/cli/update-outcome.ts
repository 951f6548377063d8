import type { Client } from "../client/index.ts";
import { formatChanges, formatDuration, formatPlannedChanges, formatResourceCount } from "../client/index.ts";
import type { Update } from "../contract/updates.ts";
import { ENDED_UPDATE_STATUSES } from "../contract/updates.ts";
import { SlipwayError } from "../errors.ts";
import type { CliContext } from "./context.ts";
import { clean } from "./output.ts";
import { updateLabel } from "./run-choice.ts";
import { stackLabel } from "./stack-choice.ts";

/** Longest wait that one request asks the server for. */
const WAIT_SECONDS = 30;

/** Whether the update's status is one that it never leaves. */
export function hasUpdateEnded(update: Pick<Update, "status">): boolean {
  return ENDED_UPDATE_STATUSES.includes(update.status);
}

/** Waits until an update has ended. Throws SlipwayError `interrupted` at Ctrl-C. */
export async function waitForUpdate(context: CliContext, client: Client, update: Update): Promise<Update> {
  let latest = update;
  while (!hasUpdateEnded(latest)) {
    try {
      latest = await client.getUpdate({
        params: { id: update.id },
        query: { wait: WAIT_SECONDS },
        signal: context.signal,
      });
    } catch (thrown) {
      if (!context.signal.aborted) throw thrown;
      throw new SlipwayError("interrupted", "No longer waiting; the update goes on.", {
        remedy: `slipway logs ${update.id} --follow watches it.`,
      });
    }
  }
  return latest;
}

/** What an update came to, in lines; the first is the one that matters most. */
export function updateOutcome(update: Update): string[] {
  const name = `pulumi ${update.kind} ${updateLabel(update)} of ${stackLabel(update)}`;
  if (!hasUpdateEnded(update))
    return [`${name} is ${update.cancelling ? "being cancelled" : update.status}.`];
  const took =
    update.startedAt === null || update.finishedAt === null
      ? ""
      : ` after ${formatDuration(Date.parse(update.finishedAt) - Date.parse(update.startedAt))}`;
  const lines = [`${name} ${verbOf(update.status)}${took}: ${changesOf(update)}.`];
  if (update.failure !== null) lines.push(clean(update.failure));
  if (update.state !== null)
    lines.push(`It left state ${update.state} with ${formatResourceCount(update.resourceCount)}.`);
  if (update.status === "cancelled" || update.status === "expired")
    lines.push("The stack is free. What was in flight is in the state as a pending operation.");
  return lines;
}

function verbOf(status: Update["status"]): string {
  return status === "cancelled" ? "was cancelled" : status === "expired" ? "was given up" : status;
}

function changesOf(update: Update): string {
  return update.dryRun ? formatPlannedChanges(update.changes) : formatChanges(update.changes);
}
