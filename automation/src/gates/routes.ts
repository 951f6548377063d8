import type { FastifyInstance } from "fastify";
import { appendAudit } from "../audit/store.ts";
import { subjectOf } from "../audit/subject.ts";
import { endpoints } from "../contract/endpoints.ts";
import type { Database, Transaction } from "../database.ts";
import { withTransaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import type { Caller } from "../http/endpoint.ts";
import { serve } from "../http/endpoint.ts";
import { endStaleDeployments } from "../seals/stale.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { found } from "../stacks/routes.ts";
import type { StackName } from "../stacks/store.ts";
import { referStack } from "../stacks/store.ts";
import * as required from "./required-store.ts";
import { findGate } from "./store.ts";

/** Routes of gates: what one said and why, and which a stack requires. */
export function gateRoutes(app: FastifyInstance, { db, keyring }: { db: Database; keyring: Keyring }): void {
  serve(app, endpoints.getGate, async ({ params: { id, phase, name } }) => {
    const gate = await findGate(db, id, phase, name);
    if (gate !== undefined) return gate;
    throw new SlipwayError(
      "not_found",
      `The deployment has no result of a gate ${name} ${phase} the update.`,
      {
        remedy: "GET /v1/deployments/{id} lists its gates.",
      },
    );
  });

  serve(app, endpoints.listRequiredGates, async ({ params }) => {
    const stack = found(await referStack(db, params), params);
    return required.readRequiredGates(db, stack.id);
  });

  serve(app, endpoints.setRequiredGate, async ({ params, body, caller }) => {
    refuseOtherName(params, body);
    return withTransaction(db, async (trx) => {
      const stack = found(await referStack(trx, params), params);
      const set = await required.setRequiredGate(trx, stack.id, body, caller.principal);
      if (set !== undefined) {
        await audit(trx, caller, "gate.required", params, { gate: body, ...set });
        await endStaleDeployments(trx, keyring, stack.id, caller.principal);
      }
      const now = await required.findRequiredGate(trx, stack.id, params.phase, params.name);
      return foundGate(now, params.name);
    });
  });

  serve(app, endpoints.removeRequiredGate, async ({ params, caller }) =>
    withTransaction(db, async (trx) => {
      const stack = found(await referStack(trx, params), params);
      const removed = await required.removeRequiredGate(trx, stack.id, params.phase, params.name);
      await audit(trx, caller, "gate.required_no_more", params, { ...foundGate(removed, params.name) });
      // What people approve, they approve with the gates that were required then.
      await endStaleDeployments(trx, keyring, stack.id, caller.principal);
      return null;
    }),
  );
}

function refuseOtherName(path: { phase: string; name: string }, gate: { phase: string; name: string }): void {
  const issues = (["phase", "name"] as const)
    .filter((key) => path[key] !== gate[key])
    .map((key) => ({ path: `body.${key}`, message: `must be '${path[key]}', as the address says` }));
  if (issues.length === 0) return;
  throw new SlipwayError("invalid_request", `The address and the gate name two gates.`, {
    remedy: "Send the gate to the address of its own phase and name.",
    details: { issues },
  });
}

function foundGate<T>(gate: T | undefined, name: string): T {
  if (gate !== undefined) return gate;
  throw new SlipwayError("not_found", `The stack requires no gate ${name}.`, {
    remedy: "GET .../required-gates lists them.",
  });
}

async function audit(
  trx: Transaction,
  caller: Caller,
  action: string,
  { organisation, project, stack }: StackName,
  details: Record<string, unknown>,
): Promise<void> {
  await appendAudit(trx, {
    ...caller,
    action,
    organisation,
    subject: subjectOf({ organisation, project, stack }),
    details,
  });
}
