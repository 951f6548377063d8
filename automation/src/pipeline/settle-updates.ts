import { sql } from "kysely";
import type { Fence } from "../attempts/rules.ts";
import type { DeploymentOperation } from "../contract/deployments.ts";
import type { Transaction } from "../database.ts";
import type { Account, PlannedOperation } from "../deployments/account-rules.ts";
import { accountOf, mayExist } from "../deployments/account-rules.ts";
import { insertAccount } from "../deployments/accounts-store.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { currentFacts, factsOfState } from "../state/current-facts.ts";
import { endUpdatesOfAttempt } from "../state/end-update.ts";
import { isBookkeeping } from "../state/journal/operations.ts";
import { readBatches } from "../state/journal-store.ts";
import { lockAll } from "../state/states-store.ts";
import { runWork, unpackedBytes } from "../state/threads/pool.ts";
import { plannedResources } from "./facts-store.ts";

/** Whose updates are settled. */
export interface Settled extends Pick<Fence, "attemptId" | "stackId"> {
  deploymentId: string;
  attempt: number;
  operation: DeploymentOperation;
}

/** An update that an engine of a deployment ran and that may have changed the stack. */
export interface ChangingUpdate {
  id: string;
  kind: string;
  status: string;
  baseState: string | null;
  changes: Record<string, number> | null;
}

/** The engine's names of steps that change something, as what a person would call them. */
const PLANNED: Readonly<Record<string, PlannedOperation["operation"]>> = {
  create: "create",
  "create-replacement": "create",
  update: "update",
  delete: "delete",
  "delete-replaced": "delete",
  import: "import",
  "import-replacement": "import",
};

/**
 * The updates of a deployment that may have changed the stack, locked: whoever completes one at this moment is waited for, and then seen. The caller holds the writer's row, as whoever
 * locks both.
 */
export async function lockChangingUpdates(
  trx: Transaction,
  { deploymentId }: { deploymentId: string },
): Promise<ChangingUpdate[]> {
  const { rows } = await sql<ChangingUpdate>`
    select id, kind, status, base_state as "baseState", resource_changes as changes from updates
    where deployment_id = ${deploymentId} and not dry_run and number is not null and kind in ('update', 'refresh', 'destroy')
    order by number
    for update
  `.execute(trx);
  return rows;
}

/** What the engine calls that which an operation is for. A rollback also refreshes before. */
function isFor(operation: DeploymentOperation, { kind }: ChangingUpdate): boolean {
  return kind === (operation === "refresh" || operation === "destroy" ? operation : "update");
}

/** The update that did what a deployment was for; undefined as long as none has. */
export function completedIn(
  updates: readonly ChangingUpdate[],
  operation: DeploymentOperation,
): ChangingUpdate | undefined {
  const last = updates.findLast((update) => isFor(operation, update));
  return last?.status === "succeeded" ? last : undefined;
}

/** Whether an engine has started what a deployment was for. Locked with the writer's row, none can start any more. */
export function hasBegun(updates: readonly ChangingUpdate[], operation: DeploymentOperation): boolean {
  return updates.some((update) => isFor(operation, update));
}

/**
 * Ends the updates that an attempt's engine has left running, so that what they had recorded becomes the stack's state, and keeps what became of each resource. Answers the account. The
 * caller holds the writer's row, and nothing of the attempt runs any more.
 */
export async function settleUpdates(
  trx: Transaction,
  { keyring }: { keyring: Keyring },
  about: Settled,
  status: "cancelled" | "expired",
): Promise<Account> {
  const { attemptId, stackId, deploymentId } = about;
  await endUpdatesOfAttempt(trx, { keyring }, attemptId, status);
  const updates = (await lockChangingUpdates(trx, about)).filter((update) => isFor(about.operation, update));
  const journaled = [];
  for (const { id } of updates) {
    const batches = await readBatches(trx, id);
    const locked = await lockAll(trx, keyring, stackId, batches);
    journaled.push(...(await runWork("account", { batches: locked }, unpackedBytes(locked))));
  }
  const account = accountOf(journaled, await plannedOf(trx, keyring, about, updates));
  const current = await currentFacts(trx, keyring, stackId);
  const pending = (current?.facts.pendingOperations ?? [])
    .filter(({ operation }) => operation === "creating")
    .map(({ urn, type, custom }) => ({ urn, type, mayExist: mayExist({ type, custom }) }));
  await insertAccount(trx, deploymentId, account, pending);
  return account;
}

/** What the deployment meant to do; null when nobody knows. */
async function plannedOf(
  trx: Transaction,
  keyring: Keyring,
  { deploymentId, attempt, operation, stackId }: Settled,
  updates: readonly ChangingUpdate[],
): Promise<PlannedOperation[] | null> {
  // It only looks at what is there.
  if (operation === "refresh") return [];
  if (operation === "destroy") {
    const base = updates[0]?.baseState ?? null;
    const facts =
      base === null
        ? (await currentFacts(trx, keyring, stackId))?.facts
        : await factsOfState(trx, keyring, stackId, base);
    // Without targets all of it goes, but for what only refers to what others own.
    return (facts?.resources ?? [])
      .filter(({ urn, external }) => !external && !isBookkeeping(urn))
      .map(({ urn }) => ({ urn, operation: "delete" }));
  }
  const planned = await plannedResources(trx, deploymentId, attempt);
  return (
    planned?.flatMap(({ urn, operation: step }) => {
      const kind = PLANNED[step];
      return kind === undefined || isBookkeeping(urn) ? [] : [{ urn, operation: kind }];
    }) ?? null
  );
}
