import { decideTakeover } from "../attempts/rules.ts";
import type { LostAttempt } from "../attempts/store.ts";
import { lockLostAttempt } from "../attempts/store.ts";
import { endDeployment, requeueDeployment, settleOrphanedCauses } from "../deployments/completion.ts";
import type { WorkerContext } from "./context.ts";
import { livingWorkers } from "./facts-store.ts";
import { settleUpdates } from "./settle-updates.ts";
import { attemptFolder, keepFailure, removeWorkerFolders, workersWithFolders } from "./work-folders.ts";

/** What a takeover works with. */
export type TakeOverContext = Pick<WorkerContext, "db" | "keyring" | "logger" | "dataDir">;

/**
 * Takes over every attempt whose lease has run out: its deployment runs again or is told as interrupted, and its stack is free. Answers how many there were.
 */
export async function takeOverLost(context: TakeOverContext): Promise<number> {
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
  return count;
}

function takeOverOne(context: TakeOverContext): Promise<LostAttempt | undefined> {
  return context.db.transaction().execute(async (trx) => {
    const lost = await lockLostAttempt(trx);
    if (lost === undefined) return undefined;
    const takeover = decideTakeover(lost);
    if (takeover.kind === "requeue") {
      await requeueDeployment(trx, context, lost);
      return lost;
    }
    if (takeover.kind === "cancelled") {
      const failure = { code: "cancelled", detail: "Cancelled. No resource was changed.", remedy: null };
      await endDeployment(trx, context, lost, { status: "cancelled", failure, principal: "system" });
      return lost;
    }
    // Its engine may have been at work until a moment ago; from now on nothing that it writes is taken.
    const settled = await settleUpdates(trx, context, lost, "expired");
    const { failure } = takeover;
    const detail = settled === null ? failure.detail : `${failure.detail} ${settled}`;
    await endDeployment(trx, context, lost, {
      status: "interrupted",
      failure: { ...failure, detail },
      principal: "system",
    });
    return lost;
  });
}

/** Removes the folders of workers that ended without doing so themselves. */
export async function removeFoldersOfDeadWorkers(context: WorkerContext): Promise<void> {
  const ids = (await workersWithFolders(context.dataDir)).filter((id) => id !== context.workerId);
  const living = await livingWorkers(context.db, ids);
  for (const id of ids) {
    if (!living.includes(id)) await removeWorkerFolders(context.dataDir, id);
  }
}
