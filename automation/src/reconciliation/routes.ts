import type { FastifyInstance } from "fastify";
import { listableOrganisations } from "../access/rules.ts";
import { appendAudit } from "../audit/store.ts";
import { endpoints } from "../contract/endpoints.ts";
import type { Database } from "../database.ts";
import { withTransaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { serve } from "../http/endpoint.ts";
import { found } from "../stacks/routes.ts";
import { referStack } from "../stacks/store.ts";
import { checkReconcile } from "./rules.ts";
import { clearUnreconciled, listUnreconciled, lockUnreconciled } from "./store.ts";

/** Routes of stacks that a restore has left unreconciled. */
export function reconciliationRoutes(app: FastifyInstance, { db }: { db: Database }): void {
  serve(app, endpoints.listUnreconciledStacks, async ({ actor }) => ({
    items: await listUnreconciled(db, listableOrganisations(actor)),
  }));

  serve(app, endpoints.reconcileStack, ({ params, body, caller }) =>
    withTransaction(db, async (trx) => {
      const { id } = found(await referStack(trx, params, { lock: true }), params);
      const stack = await lockUnreconciled(trx, id);
      const subject = `${params.organisation}/${params.project}/${params.stack}`;
      if (stack === undefined) {
        throw new SlipwayError("conflict", `The stack ${subject} needs no reconciling.`, {
          remedy: "Work with it.",
        });
      }
      checkReconcile(stack.evidence, body.confirmed, subject);
      await clearUnreconciled(trx, id);
      await appendAudit(trx, {
        ...caller,
        action: "stack.reconciled",
        organisation: params.organisation,
        subject,
        details: { evidence: stack.evidence, confirmed: body.confirmed, backupAt: stack.backupAt },
      });
      return { evidence: stack.evidence };
    }),
  );
}
