import type { MovedItem } from "../contract/seals.ts";
import type { Database, Transaction } from "../database.ts";
import { endWaiting } from "../deployments/end-waiting.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { staleFailure } from "./moved-words.ts";
import { readRuleSet } from "./rule-set-store.ts";
import type { SealFacts } from "./rules.ts";
import { movedItems } from "./rules.ts";
import { serverConfigDigests } from "./server-config.ts";
import { lockWaitingSeals, recordMoved, stateNumber } from "./store.ts";

/** What of a seal can be seen without a preview. Throws SlipwayError `secret_unreadable`. */
export async function presentFacts(
  db: Database,
  keyring: Keyring,
  stackId: string,
): Promise<Pick<SealFacts, "state" | "serverConfig" | "rules" | "policies">> {
  return {
    state: await stateNumber(db, stackId),
    serverConfig: await serverConfigDigests(db, keyring, stackId),
    ...(await readRuleSet(db, stackId)),
  };
}

/** What of a seal has moved, as far as that can be seen without another preview. */
export async function movedSince(
  db: Database,
  keyring: Keyring,
  stackId: string,
  sealed: SealFacts,
): Promise<MovedItem[]> {
  return movedItems(sealed, await presentFacts(db, keyring, stackId));
}

/**
 * Ends the deployments of a stack that wait for votes, or have them and wait for a worker, and that are no longer what people were asked about: its state, its config on the server or its rules have
 * moved. Called in the transaction that moves them, after that. Answers their ids.
 */
export async function endStaleDeployments(
  trx: Transaction,
  keyring: Keyring,
  stackId: string,
  principal: string,
): Promise<string[]> {
  const waiting = await lockWaitingSeals(trx, stackId);
  if (waiting.length === 0) return [];
  const present = await presentFacts(trx, keyring, stackId);
  const ended: string[] = [];
  for (const { items, ...deployment } of waiting) {
    const moved = movedItems(items, present);
    if (moved.length === 0) continue;
    const isEnded = await endWaiting(trx, { ...deployment, stackId }, "stale", {
      failure: staleFailure(moved),
      principal,
    });
    if (!isEnded) continue;
    await recordMoved(trx, deployment.deploymentId, moved);
    ended.push(deployment.deploymentId);
  }
  return ended;
}
