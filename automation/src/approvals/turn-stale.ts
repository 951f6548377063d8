import type { Transaction } from "../database.ts";
import { endWaiting } from "../deployments/end-waiting.ts";
import { auditApproval } from "./decide.ts";
import { tellDecided } from "./messages.ts";
import { lockWaiting, othersWaiting, saveState } from "./store.ts";

/**
 * Ends all of a stack's deployments that wait for votes, or have them and wait for a worker, because what they were voted about has moved: in the transaction that moves it. One that a worker has
 * already finds out by itself. Answers how many.
 */
export async function turnStale(
  trx: Transaction,
  { stackId, except, why }: { stackId: string; except: string | null; why: string },
): Promise<number> {
  let count = 0;
  for (const id of await othersWaiting(trx, stackId, except)) {
    const waiting = await lockWaiting(trx, id);
    if (waiting === undefined || (waiting.state !== "open" && waiting.state !== "approved")) continue;
    await saveState(trx, id, { state: "stale", begunBy: null });
    await auditApproval(
      trx,
      waiting,
      { action: "approval.stale", by: "system" },
      {
        requestId: null,
        details: { why },
      },
    );
    const failure = {
      code: "stale",
      detail: `${why} What was voted about is no longer what would happen; nothing was changed.`,
      remedy: "Request it again: it gets a new preview and new votes.",
    };
    await endWaiting(trx, waiting, "stale", { failure, principal: "system" });
    await tellDecided(trx, waiting, { word: "stale", by: null, why });
    count += 1;
  }
  return count;
}
