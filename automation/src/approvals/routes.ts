import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { missing } from "../access/missing.ts";
import type { Actor } from "../access/rules.ts";
import { can, listableOrganisations } from "../access/rules.ts";
import { appendAudit } from "../audit/store.ts";
import { subjectOf } from "../audit/subject.ts";
import type { Approval, ApprovalSummary, Emergency } from "../contract/approvals.ts";
import { endpoints } from "../contract/endpoints.ts";
import { InstantPlace } from "../database/instant-cursor.ts";
import type { Database, Transaction } from "../database.ts";
import { withTransaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { decodeCursor, pageFrom } from "../http/cursor.ts";
import { serve } from "../http/endpoint.ts";
import type { Keyring } from "../secrets/keyring.ts";
import type { Asked } from "./decide.ts";
import { apply, ask, lockAsked } from "./decide.ts";
import * as emergencies from "./emergencies-store.ts";
import { demandOf } from "./evaluate.ts";
import { PRODUCTION_RULE } from "./matching.ts";
import { openItems } from "./open-items.ts";
import { membersOf } from "./people.ts";
import { readGuard } from "./rule-sets-store.ts";
import { ruleRoutes } from "./rules-routes.ts";
import { shownApproval, summaryOf, waitsFor } from "./shown.ts";
import { requireSignIn } from "./sign-in.ts";
import type { ApprovalPlace, Waiting } from "./store.ts";
import * as store from "./store.ts";

const Place = z.tuple([z.iso.datetime(), z.uuid()]);
/** So many that wait are looked at in one go while those are sought that wait for somebody. */
const BATCH = 100;

/** Routes of approvals: rules of stacks, what waits, votes, and emergencies. */
export function approvalRoutes(
  app: FastifyInstance,
  { db, keyring }: { db: Database; keyring: Keyring },
): void {
  ruleRoutes(app, { db, keyring });

  serve(app, endpoints.listApprovals, async ({ query, actor }) => {
    const within = listableOrganisations(actor);
    const found: { summary: ApprovalSummary; place: ApprovalPlace }[] = [];
    let after = decodeCursor(query.after, Place);
    const nowMs = await store.clockMs(db);
    for (;;) {
      const batch = await store.listUndecided(db, { within, after, limit: BATCH });
      for (const waiting of batch) {
        const asked = await askedOf(db, waiting);
        if (query.waitingFor === "anybody" || waitsFor(asked, actor.id, nowMs))
          found.push({ summary: summaryOf(asked, actor, nowMs), place: waiting.place });
        if (found.length > query.limit) break;
      }
      after = batch.at(-1)?.place;
      if (batch.length < BATCH || found.length > query.limit) break;
    }
    return pageFrom(
      found,
      query.limit,
      ({ summary }) => summary,
      ({ place }) => place,
    );
  });

  serve(app, endpoints.getApproval, async ({ params: { id }, actor }) => {
    const waiting = await store.findWaiting(db, id);
    if (waiting === undefined) throw await notAsked(db, id);
    return shown(db, await askedOf(db, waiting), actor);
  });

  serve(app, endpoints.castVote, async ({ params: { id }, body, actor, caller }) => {
    return withTransaction(db, async (trx) => {
      const asked = await foundAsked(trx, id);
      const signIn = requireSignIn(actor);
      const vote = { by: actor.id, verdict: body.verdict, seal: body.seal };
      const comment = body.comment ?? null;
      const decision = await ask(trx, asked, { kind: "vote", vote, comment });
      if (decision.kind === "changed")
        await store.putVote(trx, { ...vote, deploymentId: id, comment, signInId: signIn.id });
      await apply(trx, asked, decision, { requestId: caller.requestId, comment });
      return shown(trx, await foundAsked(trx, id), actor);
    });
  });

  serve(app, endpoints.withdrawVote, async ({ params: { id }, actor, caller }) => {
    return withTransaction(db, async (trx) => {
      const asked = await foundAsked(trx, id);
      requireSignIn(actor);
      const decision = await ask(trx, asked, { kind: "withdraw", by: actor.id });
      if (decision.kind === "changed") await store.deleteVote(trx, id, actor.id);
      await apply(trx, asked, decision, { requestId: caller.requestId });
      return shown(trx, await foundAsked(trx, id), actor);
    });
  });

  serve(app, endpoints.listEmergencies, async ({ query, actor }) => {
    const within = listableOrganisations(actor);
    const after = decodeCursor(query.after, InstantPlace);
    const rows = await emergencies.listEmergencies(db, { within, after, limit: query.limit + 1 });
    const page = pageFrom(
      rows,
      query.limit,
      ({ place: _, ...emergency }): Emergency => emergency,
      ({ place }) => place,
    );
    return { ...page, ...(await emergencies.countUnreviewed(db, within)) };
  });

  serve(app, endpoints.reviewEmergency, async ({ params: { id }, body, actor, caller }) => {
    return withTransaction(db, async (trx) => {
      await store.lockDeployment(trx, id);
      const used = await foundEmergency(trx, id);
      requireSignIn(actor);
      if (used.principal === actor.id || !(await mayReview(trx, id, actor))) {
        throw new SlipwayError("forbidden", `${actor.name} may not review this emergency.`, {
          remedy: "It is reviewed by somebody else than who used it: one whom the rules ask, or an admin.",
        });
      }
      if (!(await emergencies.recordReview(trx, { deploymentId: id, by: actor.id, comment: body.comment }))) {
        throw new SlipwayError("conflict", `${used.reviewedBy ?? "Somebody"} has reviewed it already.`, {
          remedy: "Nothing is left to do.",
        });
      }
      const { organisation, project, stack } = used;
      await appendAudit(trx, {
        ...caller,
        action: "emergency.reviewed",
        organisation,
        subject: subjectOf({ organisation, project, stack }),
        details: { deployment: id, by: used.principal, comment: body.comment },
      });
      return foundEmergency(trx, id);
    });
  });
}

async function askedOf(db: Database, waiting: Waiting): Promise<Asked> {
  const guard = await readGuard(db, waiting.stackId);
  if (guard === undefined) throw missing.deployment(waiting.deploymentId);
  return { waiting, demand: await demandOf(db, guard, waiting.deploymentId, waiting) };
}

async function shown(db: Database, asked: Asked, actor: Actor): Promise<Approval> {
  const open = await openItems(db, asked);
  return shownApproval(asked, { actor, nowMs: await store.clockMs(db), open });
}

async function foundAsked(trx: Transaction, id: string): Promise<Asked> {
  const asked = await lockAsked(trx, id);
  if (asked !== undefined) return asked;
  throw await notAsked(trx, id);
}

async function notAsked(db: Database, id: string): Promise<SlipwayError> {
  const row = await db.selectFrom("deployments").select("status").where("id", "=", id).executeTakeFirst();
  if (row === undefined) return missing.deployment(id);
  return new SlipwayError("not_found", `Deployment ${id} was never asked to be approved.`, {
    remedy: `It is ${row.status}: slipway logs ${id} says what became of it.`,
  });
}

async function foundEmergency(db: Database, deploymentId: string): Promise<Emergency> {
  const [found] = await emergencies.listEmergencies(db, {
    within: "all",
    deploymentId,
    after: undefined,
    limit: 1,
  });
  if (found === undefined) {
    throw new SlipwayError("not_found", `Deployment ${deploymentId} is no emergency.`, {
      remedy: "slipway emergencies list shows them.",
    });
  }
  const { place: _, ...emergency } = found;
  return emergency;
}

async function mayReview(trx: Transaction, deploymentId: string, actor: Actor): Promise<boolean> {
  const row = await trx
    .selectFrom("deployments")
    .select("stack_id")
    .where("id", "=", deploymentId)
    .executeTakeFirst();
  const guard = row && (await readGuard(trx, row.stack_id));
  if (guard === undefined) return false;
  if (can(actor, "organisation.manage", { organisation: guard.organisation })) return true;
  const rules = guard.rules.rules.length > 0 ? guard.rules.rules : [PRODUCTION_RULE];
  return [...(await membersOf(trx, guard.organisation, rules)).values()].some((people) =>
    people.has(actor.id),
  );
}
