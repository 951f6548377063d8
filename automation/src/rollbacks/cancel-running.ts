import { sql } from "kysely";
import { appendAudit } from "../audit/store.ts";
import type { Transaction } from "../database.ts";
import { askForCancel } from "../deployments/cancel-store.ts";
import { notify, WORK_CHANNEL } from "../deployments/events-store.ts";
import { SlipwayError } from "../errors.ts";

interface RunningOnStack {
  id: string;
  number: number;
  organisation: string;
  project: string;
  stack: string;
  rolledBackBy: string | null;
  isAsked: boolean;
  isRollback: boolean;
}

/**
 * Asks whatever changes a stack to end, by the ladder of every cancel, so that a rollback can begin as soon as the stack is free; in the caller's transaction, which has locked the stack.
 * Throws SlipwayError `conflict` while an automatic rollback is under way, or a run of the Pulumi CLI holds the stack: to end either is a decision of its own.
 */
export async function cancelRunning(
  trx: Transaction,
  stackId: string,
  caller: { principal: string; requestId: string | null },
): Promise<void> {
  const { rows: updates } = await sql<{ holder: string }>`
    select holder::text as holder from stack_writers where stack_id = ${stackId} and holder_kind = 'update' and holder is not null
  `.execute(trx);
  const [update] = updates;
  if (update !== undefined) {
    throw new SlipwayError("conflict", "A run of the Pulumi CLI holds the stack.", {
      remedy: `Whoever runs it is in the middle of it. End it first: slipway cancel ${update.holder}`,
    });
  }
  const { rows } = await sql<RunningOnStack>`
    select d.id, d.number, p.organisation, p.name as project, s.name as stack, d.rolled_back_by as "rolledBackBy",
      d.cancel_requested_at is not null as "isAsked", d.cause = 'automatic-rollback' as "isRollback"
    from deployments d join stacks s on s.id = d.stack_id join projects p on p.id = s.project_id
    where d.stack_id = ${stackId} and d.status = 'running' and d.operation <> 'detect-drift' and d.verification is distinct from 'held'
    for update of d
  `.execute(trx);
  for (const running of rows) {
    if (running.isRollback || running.rolledBackBy !== null) {
      throw new SlipwayError("conflict", "An automatic rollback is under way already.", {
        remedy: "Wait for it, or cancel it first: the stack is frozen then until somebody names it.",
      });
    }
    if (running.isAsked) continue;
    await askForCancel(trx, running.id, caller.principal);
    await appendAudit(trx, {
      ...caller,
      action: "deployment.cancel_requested",
      organisation: running.organisation,
      subject: `${running.organisation}/${running.project}/${running.stack}`,
      details: { deployment: running.id, for: "rollback" },
    });
  }
  if (rows.length > 0) await notify(trx, WORK_CHANNEL, stackId);
}
