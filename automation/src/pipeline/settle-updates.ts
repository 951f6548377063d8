import type { Fence } from "../attempts/store.ts";
import type { Transaction } from "../database.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { currentFacts } from "../state/current-facts.ts";
import { endUpdatesOfAttempt } from "../state/end-update.ts";
import { describePending } from "./resource-account.ts";

/**
 * Ends the updates that an attempt's engine has left running: what they had recorded becomes the stack's state. Answers a sentence on what was under way, or null when the
 * engine had ended its updates itself. The caller holds the writer's row, and nothing of the attempt runs any more.
 */
export async function settleUpdates(
  trx: Transaction,
  { keyring }: { keyring: Keyring },
  { attemptId, stackId }: Pick<Fence, "attemptId" | "stackId">,
  status: "cancelled" | "expired",
): Promise<string | null> {
  if ((await endUpdatesOfAttempt(trx, { keyring }, attemptId, status)) === 0) return null;
  const current = await currentFacts(trx, keyring, stackId);
  return describePending(current?.facts.pendingOperations ?? []);
}
