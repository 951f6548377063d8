import { peopleWhoDeploy } from "../access/groups-store.ts";
import type { Actor } from "../access/rules.ts";
import { appendAudit } from "../audit/store.ts";
import type { RequestEmergency } from "../contract/approvals.ts";
import type { Transaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { mayUse } from "./begin.ts";
import { findOverdue, insertEmergency } from "./emergencies-store.ts";
import { isLooking } from "./matching.ts";
import { tellEmergency } from "./messages.ts";
import { membersOf } from "./people.ts";
import type { Guard } from "./rule-sets-store.ts";
import { readGuard } from "./rule-sets-store.ts";
import { requireFreshSignIn } from "./sign-in.ts";

/** Made by the first migration of accounts; answers for the whole installation. */
const OWNER = "owner";

/**
 * Checks that somebody may pass the votes of a stack by now: a person who signed in a moment ago, in a group that the stack's rules name for it, without an earlier use that nobody reviewed in time. Throws
 * `sign_in_required`, `forbidden` and `emergency_unreviewed`.
 */
export async function allowEmergency(
  trx: Transaction,
  { stackId, operation }: { stackId: string; operation: string },
  actor: Actor | undefined,
): Promise<void> {
  if (isLooking(operation)) {
    throw new SlipwayError(
      "option_not_supported",
      `The operation '${operation}' needs no emergency: it changes nothing.`,
      {
        details: { issues: [{ path: "body.emergency", message: `has no effect on ${operation}` }] },
      },
    );
  }
  if (actor === undefined) throw new SlipwayError("forbidden", "Only a person can pass votes by.");
  await requireFreshSignIn(trx, actor);
  const guard = await readGuard(trx, stackId);
  if (guard === undefined) throw new Error(`the stack ${stackId} is not there`);
  if (!(await mayUse(trx, guard, actor.id))) {
    throw new SlipwayError("forbidden", `${actor.name} may not pass the votes of this stack by.`, {
      remedy:
        "The stack's rules name the groups for that (emergency): slipway rules show. Ask for votes instead.",
    });
  }
  // Two uses at once must not both find nothing overdue.
  const overdue = await findOverdue(trx, actor.id);
  if (overdue !== undefined) {
    throw new SlipwayError(
      "emergency_unreviewed",
      `The emergency of deployment ${overdue} was not reviewed in time.`,
      {
        remedy: `Have somebody else review it first: slipway emergencies review ${overdue} --comment <text>`,
      },
    );
  }
}

/** Records that the votes of a deployment are passed by, and tells everybody who would have been asked, at once. */
export async function recordEmergency(
  trx: Transaction,
  {
    deploymentId,
    stackId,
    actor,
    asked,
    requestId,
  }: {
    deploymentId: string;
    stackId: string;
    actor: Actor;
    asked: RequestEmergency;
    requestId: string | null;
  },
): Promise<void> {
  const guard = await readGuard(trx, stackId);
  if (guard === undefined) throw new Error(`the stack ${stackId} is not there`);
  const { reason, incident } = asked;
  await insertEmergency(trx, { deploymentId, principal: actor.id, reason, incident });
  const approvers = await askedPeople(trx, guard);
  const { organisation, project, stack } = guard;
  await appendAudit(trx, {
    principal: actor.id,
    action: "emergency.used",
    organisation,
    subject: `${organisation}/${project}/${stack}`,
    details: { deployment: deploymentId, reason, incident, signIn: actor.signIn?.id, told: approvers },
    requestId,
  });
  await tellEmergency(
    trx,
    { deploymentId, organisation, project, stack },
    { by: actor.id, reason, incident, approvers },
  );
}

/** Whoever could have voted by any rule of the stack or signed off, and the owner of the installation, in the order of their names. */
async function askedPeople(
  trx: Transaction,
  { organisation, production, signOff, rules }: Guard,
): Promise<string[]> {
  const members = await membersOf(trx, organisation, rules.rules);
  // What no rule matches on a stack of production is for whoever may deploy there, and so is every sign-off.
  const deployers = production || signOff ? await peopleWhoDeploy(trx, organisation) : [];
  return [
    ...new Set([...[...members.values()].flatMap((people) => [...people]), ...deployers, OWNER]),
  ].sort();
}
