import type { Transaction } from "../database.ts";
import { holdSignOffs } from "../readiness/asked-store.ts";
import { apply, ask, lockAsked } from "./decide.ts";
import type { ApprovalEvent } from "./rules.ts";
import { othersWaiting } from "./store.ts";

/** That sign-offs of a stack have changed. */
export interface SignOffChange extends Omit<Extract<ApprovalEvent, { kind: "sign-off" }>, "kind"> {
  stackId: string;
  /** What was signed off, as sign-offs name it; null: whatever the stack would take. */
  candidate: string | null;
  comment: string | null;
  requestId: string | null;
}

/**
 * Decides again about the deployments of a stack that wait for a sign-off, or have it and have not begun, in the transaction that gives it, withdraws it, or asks for it no more: like a deciding vote it lets them
 * go back into the queue. Answers how many it was about.
 */
export async function countSignOffs(trx: Transaction, change: SignOffChange): Promise<number> {
  const { stackId, candidate, what, by, comment, requestId } = change;
  await holdSignOffs(trx, stackId, { gives: true });
  let count = 0;
  for (const id of await othersWaiting(trx, stackId, null)) {
    const asked = await lockAsked(trx, id);
    if (asked === undefined) continue;
    const isAbout =
      candidate === null
        ? asked.waiting.operation === "update"
        : asked.demand.signOff?.candidate === candidate;
    if (!isAbout) continue;
    const decision = await ask(trx, asked, { kind: "sign-off", what, by });
    if (await apply(trx, asked, decision, { requestId, comment })) count += 1;
  }
  return count;
}
