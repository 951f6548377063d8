import { sql } from "kysely";
import { missing } from "../access/missing.ts";
import { appendAudit } from "../audit/store.ts";
import { subjectOf } from "../audit/subject.ts";
import type { GiveConsent, IrreversibleStep } from "../contract/verification.ts";
import type { Transaction } from "../database.ts";
import type { StackSubject } from "../deployments/completion.ts";
import { appendStatus } from "../deployments/completion.ts";
import { notify, WORK_CHANNEL } from "../deployments/events-store.ts";
import { SlipwayError } from "../errors.ts";
import { tellConsent } from "../notifications/deployment-messages.ts";
import { isConsentTo } from "./rules.ts";
import { decideHoldRow, putConsent, readConsent } from "./store.ts";
import { hold } from "./undo.ts";
import { moveVerification } from "./verification-store.ts";

interface Locked extends StackSubject {
  status: string;
  attempt: number;
  causedBy: string | null;
  causeIsHeld: boolean;
  waits: boolean;
}

async function lock(trx: Transaction, id: string): Promise<Locked | undefined> {
  // First the stack, as whoever decides about the hold does: that one goes from what is held to its rollback, and this one the other way.
  await sql`select 1 from stacks where id = (select stack_id from deployments where id = ${id}) for update`.execute(
    trx,
  );
  const { rows } = await sql<Locked>`
    select d.id as "deploymentId", d.stack_id as "stackId", p.organisation, p.name as project, s.name as stack, d.status,
      (select coalesce(max(a.number), 0) from attempts a where a.deployment_id = d.id) as attempt, d.caused_by as "causedBy",
      exists (select 1 from deployments c where c.id = d.caused_by and c.verification = 'held' and c.status = 'running') as "causeIsHeld",
      d.status = 'waiting_approval' and exists (select 1 from deployment_steps st
        where st.deployment_id = d.id and st.name = 'consent' and st.state = 'waiting') as waits
    from deployments d join stacks s on s.id = d.stack_id join projects p on p.id = s.project_id
    where d.id = ${id}
    for update of d
  `.execute(trx);
  return rows[0];
}

/**
 * Records that somebody agrees to the irreversible steps of a rollback, in the caller's transaction, and lets it go on when it waits for that. Throws SlipwayError `conflict` that names each
 * step which is not agreed to, or which there is not.
 */
export async function giveConsent(
  trx: Transaction,
  id: string,
  { steps, reason }: GiveConsent,
  caller: { principal: string; requestId: string | null },
): Promise<void> {
  const rollback = await lock(trx, id);
  if (rollback === undefined) throw missing.deployment(id);
  const asked = await readConsent(trx, id);
  if (asked === undefined || asked.steps.length === 0 || !rollback.waits) {
    throw new SlipwayError("conflict", "The deployment waits for no consent.", {
      remedy: "Look at its status: its rollback may go on, or be over.",
    });
  }
  if (!isConsentTo(steps, asked.steps)) throw otherSteps(asked.steps, steps);
  const { principal } = caller;
  await putConsent(trx, id, { steps, by: principal, reason: reason ?? null });
  await appendAudit(trx, {
    ...caller,
    action: "rollback.consented",
    organisation: rollback.organisation,
    subject: subjectOf(rollback),
    details: { deployment: id, steps, ...(reason === undefined ? {} : { reason }) },
  });
  await sql`update deployments set status = 'queued' where id = ${id} and status = 'waiting_approval'`.execute(
    trx,
  );
  await appendStatus(trx, id, rollback.attempt, "queued", `${principal} agreed to what cannot be undone.`);
  if (rollback.causedBy !== null && rollback.causeIsHeld) {
    const detail = `${principal} agreed to what the rollback cannot undo.`;
    await decideHoldRow(trx, rollback.causedBy, {
      decision: "rollback",
      by: principal,
      reason: reason ?? detail,
    });
    const cause = { ...rollback, deploymentId: rollback.causedBy };
    await moveVerification(trx, cause, "rolling_back", { reason: detail, evidence: { steps }, principal });
  }
  await notify(trx, WORK_CHANNEL, rollback.stackId);
}

function otherSteps(asked: readonly IrreversibleStep[], given: readonly string[]): SlipwayError {
  const left = asked.filter(({ id }) => !given.includes(id));
  const strange = given.filter((id) => !asked.some((step) => step.id === id));
  const parts = [
    ...(left.length === 0 ? [] : [`not agreed to: ${left.map(({ id }) => id).join(", ")}`]),
    ...(strange.length === 0 ? [] : [`no step of it: ${strange.join(", ")}`]),
  ];
  return new SlipwayError(
    "conflict",
    `The consent is not to the steps that there are: ${parts.join("; ")}.`,
    {
      remedy:
        "Read the steps of the deployment again; what was agreed to before counts no more when they change.",
      details: {
        issues: [
          ...left.map(({ id, detail }) => ({ path: "body.steps", message: `${id}: ${detail}` })),
          ...strange.map((id) => ({ path: "body.steps", message: `${id} is no step of this rollback` })),
        ],
      },
    },
  );
}

/** Tells people what a rollback waits for; of an automatic one the deployment that it is for is held meanwhile, and the stack is free for others. */
export async function holdForConsent(
  trx: Transaction,
  rollback: StackSubject & { attempt: number; cause: string; causedBy: string | null },
  steps: readonly IrreversibleStep[],
  principal: string,
): Promise<void> {
  await tellConsent(trx, rollback, steps);
  if (rollback.cause !== "automatic-rollback" || rollback.causedBy === null) return;
  const named = steps.map(({ detail }) => detail).join(" ");
  const reason = `Its rollback would do what nobody can undo: ${named}`;
  const cause = { ...rollback, deploymentId: rollback.causedBy };
  await hold(trx, cause, { why: "consent", reason, principal });
}
