import type { LostAttempt } from "../attempts/rules.ts";
import { lockLostAttempt } from "../attempts/store.ts";
import { lostAttempts } from "../attempts/worker-store.ts";
import { loseLocksWhenFrozen } from "../database/frozen.ts";
import { settleOrphanedCauses } from "../deployments/completion.ts";
import { tellLostWorker } from "../notifications/deployment-messages.ts";
import { endHolds } from "../rollbacks/holds.ts";
import { concludeLoss } from "./conclude-lost.ts";
import type { WorkerContext } from "./context.ts";
import { expireDeadLeases, goneWorkers } from "./dead-leases.ts";
import { livingWorkers } from "./facts-store.ts";
import {
  attemptFolder,
  attemptsWithFolders,
  keepFailure,
  removeWorkerFolders,
  workersWithFolders,
} from "./work-folders.ts";

/** What a takeover works with. */
export type TakeOverContext = Pick<WorkerContext, "db" | "keyring" | "logger" | "dataDir">;

/**
 * Takes over every attempt whose lease has run out, or whose worker and containment are seen to be gone from this machine: its deployment runs again or is told as interrupted, and its stack
 * is free. Answers how many there were.
 */
export async function takeOverLost(context: TakeOverContext): Promise<number> {
  await expireDeadLeases(context);
  let count = 0;
  for (;;) {
    const lost = await takeOverOne(context);
    if (lost === undefined) break;
    count += 1;
    context.logger.warn(
      { deployment: lost.deploymentId, attempt: lost.attemptId },
      "took over a lost attempt",
    );
    const folder = attemptFolder(context.dataDir, lost.workerId, lost.attemptId);
    await keepFailure(context.dataDir, lost.stackId, folder);
  }
  await settleOrphanedCauses(context.db);
  await endHolds(context.db);
  return count;
}

function takeOverOne(context: TakeOverContext): Promise<LostAttempt | undefined> {
  return context.db.transaction().execute(async (trx) => {
    // A worker that is frozen right here must not keep the others from taking over what it had begun to take over.
    await loseLocksWhenFrozen(trx);
    const lost = await lockLostAttempt(trx);
    if (lost === undefined) return undefined;
    await concludeLoss(trx, context, lost, { crashed: true, why: null, principal: "system" });
    await tellLostWorker(trx, lost);
    return lost;
  });
}

/**
 * Removes the folders of workers that ended without doing so themselves. What a lost attempt left is kept first: it was perhaps taken over on another machine, which does not have it.
 */
export async function removeFoldersOfDeadWorkers(context: WorkerContext): Promise<void> {
  const ids = (await workersWithFolders(context.dataDir)).filter((id) => id !== context.workerId);
  if (ids.length === 0) return;
  const living = await livingWorkers(context.db, ids, await goneWorkers(context.db, ids));
  for (const id of ids) {
    if (living.includes(id)) continue;
    const attempts = await attemptsWithFolders(context.dataDir, id);
    for (const { attemptId, stackId } of await lostAttempts(context.db, attempts))
      await keepFailure(context.dataDir, stackId, attemptFolder(context.dataDir, id, attemptId));
    await removeWorkerFolders(context.dataDir, id);
  }
}
