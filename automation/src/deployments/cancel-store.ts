import { sql } from "kysely";
import type { DeploymentStatus } from "../contract/deployments.ts";
import type { Transaction } from "../database.ts";

/** What a cancel decides about. */
export interface CancelState {
  stackId: string;
  organisation: string;
  project: string;
  stack: string;
  status: DeploymentStatus;
  cancelRequested: boolean;
  /** The automatic rollback that it waits for. */
  rolledBackBy: string | null;
  /** It waits for a person to keep or to undo what it left. */
  isHeld: boolean;
}

/** Locks a deployment until the end of the transaction: no worker claims it meanwhile. */
export async function lockForCancel(trx: Transaction, id: string): Promise<CancelState | undefined> {
  const row = await trx
    .selectFrom("deployments")
    .innerJoin("stacks", "stacks.id", "deployments.stack_id")
    .innerJoin("projects", "projects.id", "stacks.project_id")
    .select(["deployments.stack_id as stackId", "projects.organisation", "projects.name as project"])
    .select(["stacks.name as stack", "deployments.status", "deployments.rolled_back_by as rolledBackBy"])
    .select(sql<boolean>`deployments.cancel_requested_at is not null`.as("cancelRequested"))
    .select(
      sql<boolean>`deployments.status = 'running' and deployments.verification is not distinct from 'held'`.as(
        "isHeld",
      ),
    )
    .where("deployments.id", "=", id)
    .forUpdate("deployments")
    .executeTakeFirst();
  return row && { ...row, status: row.status as DeploymentStatus };
}

/** Ends a deployment that nothing runs for: cancelled, with its remaining steps skipped. */
export async function cancelNow(
  trx: Transaction,
  id: string,
  principal: string | null = null,
): Promise<void> {
  const failure = {
    code: "cancelled",
    detail: "Cancelled before it began. No resource was changed.",
    remedy: null,
  };
  await trx
    .updateTable("deployments")
    .set({
      status: "cancelled",
      cancel_requested_at: sql<Date>`now()`,
      cancelled_by: principal,
      finished_at: sql<Date>`now()`,
      failure: JSON.stringify(failure),
    })
    .where("id", "=", id)
    .execute();
  await trx
    .updateTable("deployment_steps")
    .set({ state: "skipped" })
    .where("deployment_id", "=", id)
    .where("state", "=", "waiting")
    .execute();
}

/** Asks the worker that runs a deployment to interrupt it. */
export async function askForCancel(trx: Transaction, id: string, principal: string): Promise<void> {
  await trx
    .updateTable("deployments")
    .set({ cancel_requested_at: sql<Date>`now()`, cancelled_by: principal })
    .where("id", "=", id)
    .execute();
}
