import type { FastifyInstance } from "fastify";
import { missing } from "../access/missing.ts";
import { requirePerson } from "../approvals/sign-in.ts";
import { appendAudit } from "../audit/store.ts";
import type { Deployment } from "../contract/deployments.ts";
import { endpoints } from "../contract/endpoints.ts";
import type { Database, Transaction } from "../database.ts";
import { withTransaction } from "../database.ts";
import { findDeployment, readStatus } from "../deployments/store.ts";
import { serve } from "../http/endpoint.ts";
import { found } from "../stacks/routes.ts";
import { referStack } from "../stacks/store.ts";
import { giveConsent } from "./consent.ts";
import { decideHold } from "./holds.ts";
import { listMoves, readSettings, writeSettings } from "./store.ts";

/** Routes of held deployments, of consent, and of what a stack does when an update goes wrong. */
export function rollbackRoutes(app: FastifyInstance, { db }: { db: Database }): void {
  serve(app, endpoints.listVerificationMoves, async ({ params }) => {
    if ((await readStatus(db, params.id)) === undefined) throw missing.deployment(params.id);
    return { items: await listMoves(db, params.id) };
  });

  serve(app, endpoints.decideHold, ({ params, body, caller, actor }) =>
    withTransaction(db, async (trx) => {
      requirePerson(actor, "decides about a held deployment");
      await decideHold(trx, params.id, body, caller);
      return foundDeployment(trx, params.id);
    }),
  );

  serve(app, endpoints.giveConsent, ({ params, body, caller, actor }) =>
    withTransaction(db, async (trx) => {
      requirePerson(actor, "agrees to what cannot be undone");
      await giveConsent(trx, params.id, body, caller);
      return foundDeployment(trx, params.id);
    }),
  );

  serve(app, endpoints.getRollbackSettings, async ({ params }) => {
    const stack = found(await referStack(db, params), params);
    return readSettings(db, stack.id);
  });

  serve(app, endpoints.setRollbackSettings, ({ params, body, caller }) =>
    withTransaction(db, async (trx) => {
      const stack = found(await referStack(trx, params, { lock: true }), params);
      const before = await readSettings(trx, stack.id);
      const next = {
        automatic: body.automatic ?? before.automatic,
        coversRequested: body.coversRequested ?? before.coversRequested,
        onHoldExpiry: body.onHoldExpiry ?? before.onHoldExpiry,
        onFirstFailure: body.onFirstFailure ?? before.onFirstFailure,
      };
      await writeSettings(trx, stack.id, next, caller.principal);
      const { organisation, project, stack: name } = params;
      await appendAudit(trx, {
        ...caller,
        action: "rollback_settings.set",
        organisation,
        subject: `${organisation}/${project}/${name}`,
        details: next,
      });
      return readSettings(trx, stack.id);
    }),
  );
}

async function foundDeployment(trx: Transaction, id: string): Promise<Deployment> {
  const deployment = await findDeployment(trx, id);
  if (deployment === undefined) throw missing.deployment(id);
  return deployment;
}
