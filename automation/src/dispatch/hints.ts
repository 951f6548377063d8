import { z } from "zod";
import type { Transaction } from "../database.ts";
import { notify, WORK_CHANNEL } from "../deployments/events-store.ts";
import type { Boss } from "./boss.ts";

const Hint = z.object({ stackId: z.uuid() });

/** Sends hints; undefined while pg-boss is not open: workers are told all the same. */
export interface HintSender {
  current(): Pick<Boss, "send"> | undefined;
}

/**
 * Tells workers that a stack may have something to claim, when the transaction commits: all of them by a notification, which is the fastest, and one of them by a
 * job, which also reaches those whose connection was away. Both may be lost: the sweep of every worker looks for itself.
 */
export async function hintStack(trx: Transaction, hints: HintSender, stackId: string): Promise<void> {
  await hints.current()?.send(trx, "dispatch", { stackId } satisfies z.infer<typeof Hint>);
  await notify(trx, WORK_CHANNEL, stackId);
}

/** Lets `wake` be called for each hint that this process takes. The claim decides what there is to do; which stack it was does not matter to it. */
export async function takeHints(boss: Pick<Boss, "work">, wake: () => void): Promise<void> {
  await boss.work("dispatch", async ({ data }) => {
    Hint.parse(data);
    wake();
  });
}
