import { appendAudit } from "../audit/store.ts";
import { subjectOf } from "../audit/subject.ts";
import { putState } from "../state/put-state.ts";
import { currentState } from "../state/states-store.ts";
import { runWork } from "../state/threads/pool.ts";
import type { AttemptRun } from "./attempt-run.ts";
import { inFence } from "./record-release.ts";

/**
 * Drops from the state the pending creates that the deployment names, as an update of its own in the stack's history. `pulumi refresh --clear-pending-creates` would drop all there are, also
 * one that came after somebody looked. Doing it again changes nothing.
 */
export async function clearPendingCreates(run: AttemptRun): Promise<void> {
  const { claim, context } = run;
  const urns = claim.options.clearPendingCreates ?? [];
  if (urns.length === 0) return;
  const dropped = await inFence(run, async (trx) => {
    const state = await currentState(trx, context.keyring, claim.stackId);
    if (state === null) return 0;
    const cleared = await runWork("clearCreates", { text: state.text, urns }, state.text.length);
    if (cleared.dropped === 0) return 0;
    const { number } = await putState(trx, context.keyring, {
      stackId: claim.stackId,
      text: cleared.text,
      resourceCount: state.resourceCount,
      kind: "edit",
      principal: claim.requestedBy,
      message: `Drops ${cleared.dropped} pending creates`,
      client: null,
      by: claim,
    });
    await appendAudit(trx, {
      principal: claim.requestedBy,
      action: "state.pending_creates_cleared",
      organisation: claim.organisation,
      subject: subjectOf(claim),
      details: { deployment: claim.deploymentId, update: number, urns },
      requestId: null,
    });
    return cleared.dropped;
  });
  const line = `Dropped ${dropped} pending creates from the state; they were said not to exist.`;
  run.events.emit({ type: "output", step: "refresh", stream: "stdout", line });
}
