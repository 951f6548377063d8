import type { FastifyInstance } from "fastify";
import { appendAudit } from "../audit/store.ts";
import type { Clock } from "../clock.ts";
import type { StackDrift } from "../contract/drift.ts";
import { endpoints } from "../contract/endpoints.ts";
import type { StackPath } from "../contract/identifiers.ts";
import { InstantPlace } from "../database/instant-cursor.ts";
import type { Database, Transaction } from "../database.ts";
import { withTransaction } from "../database.ts";
import { queueDeployment } from "../deployments/request.ts";
import type { HintSender } from "../dispatch/hints.ts";
import { readWaiting } from "../dispatch/waiting.ts";
import { SlipwayError } from "../errors.ts";
import { decodeCursor, pageFrom } from "../http/cursor.ts";
import type { Caller } from "../http/endpoint.ts";
import { serve } from "../http/endpoint.ts";
import { changeOnce } from "../http/idempotency.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { found } from "../stacks/routes.ts";
import { referStack } from "../stacks/store.ts";
import { adoptionOf } from "./adoption.ts";
import { countOpenAlerts, findAlert, listAlerts, noteRemediation } from "./alerts-store.ts";
import { findOverdue } from "./follow-ups-store.ts";
import { insertIgnore, listIgnores, removeIgnore } from "./ignores-store.ts";
import { listDriftChecks, nextDriftCheck, readRawDrift } from "./store.ts";
import { listVolatile, switchVolatile } from "./volatile-store.ts";

export interface DriftRoutesOptions {
  db: Database;
  keyring: Keyring;
  clock: Clock;
  hints: HintSender;
}

/** Routes of what drift checks found. A check itself is a deployment with the operation detect-drift. */
export function driftRoutes(app: FastifyInstance, { db, keyring, clock, hints }: DriftRoutesOptions): void {
  serve(app, endpoints.getDrift, async ({ params }) => {
    const stack = found(await referStack(db, params), params);
    const [latest] = await listDriftChecks(db, stack.id, { limit: 1 });
    const [known] =
      latest?.status === "unknown"
        ? await listDriftChecks(db, stack.id, { limit: 1, known: true })
        : [latest];
    return {
      latest: latest === undefined ? null : shown(latest),
      lastKnown: known === undefined ? null : shown(known),
      openAlerts: await countOpenAlerts(db, stack.id),
      overdue: await overdueOf(db, stack.id),
      next: (await nextDriftCheck(db, stack.id)) ?? null,
    };
  });

  serve(app, endpoints.listDriftChecks, async ({ params, query }) => {
    const stack = found(await referStack(db, params), params);
    const after = decodeCursor(query.after, InstantPlace);
    return pageFrom(
      await listDriftChecks(db, stack.id, { after, limit: query.limit + 1 }),
      query.limit,
      shown,
      ({ place }) => place,
    );
  });

  serve(app, endpoints.getRawDrift, async ({ params }) => {
    const stack = found(await referStack(db, params), params);
    return foundHere(await readRawDrift(db, keyring, stack.id, params.check), "drift check", params.check);
  });

  serve(app, endpoints.listDriftAlerts, async ({ params, query }) => {
    const stack = found(await referStack(db, params), params);
    const after = decodeCursor(query.after, InstantPlace);
    const page = { status: query.status, after, limit: query.limit + 1 };
    return pageFrom(await listAlerts(db, keyring, stack.id, page), query.limit, shown, ({ place }) => place);
  });

  const alertOf = async (trx: Database, params: StackPath & { alert: string }) => {
    const stack = found(await referStack(trx, params), params);
    return foundHere(await findAlert(trx, keyring, stack.id, params.alert), "drift alert", params.alert);
  };
  serve(app, endpoints.getDriftAlert, ({ params }) => alertOf(db, params));
  serve(app, endpoints.getDriftAdoption, async ({ params }) => adoptionOf(await alertOf(db, params)));

  serve(app, endpoints.remediateDrift, async (call) =>
    changeOnce(db, endpoints.remediateDrift, call, {
      prepare: () => Promise.resolve(),
      apply: async (trx) => {
        const { params, body, caller } = call;
        const { alert: _, ...name } = params;
        const alert = await alertOf(trx, params);
        if (alert.status === "closed") {
          throw new SlipwayError("conflict", "The alert is closed: what it told of is not so any more.", {
            remedy: "Nothing is left to undo.",
          });
        }
        const stack = found(await referStack(trx, name, { lock: true }), name);
        const message = body.message ?? `Undo drift: ${alert.summary}`;
        const deployment = await queueDeployment(
          trx,
          { keyring, clock, hints },
          {
            stackId: stack.id,
            name,
            body: { operation: "remediate-drift", options: {}, message: message.slice(0, 1000) },
            source: null,
            caller,
          },
        );
        await noteRemediation(trx, stack.id, deployment.id);
        return { body: deployment, location: `/v1/deployments/${deployment.id}` };
      },
    }),
  );

  serve(app, endpoints.listDriftIgnores, async ({ params }) => {
    const stack = found(await referStack(db, params), params);
    return { items: await listIgnores(db, stack.id) };
  });

  serve(app, endpoints.createDriftIgnore, async (call) =>
    changeOnce(db, endpoints.createDriftIgnore, call, {
      prepare: () => Promise.resolve(),
      apply: async (trx) => {
        const { params, body, caller } = call;
        const stack = found(await referStack(trx, params), params);
        const rule = await insertIgnore(trx, stack.id, body, caller.principal);
        await audit(trx, caller, "drift.ignore_added", params, { rule: rule.id, ...body });
        const { organisation, project, stack: name } = params;
        return { body: rule, location: `/v1/stacks/${organisation}/${project}/${name}/drift/ignores` };
      },
    }),
  );

  serve(app, endpoints.removeDriftIgnore, ({ params, caller }) =>
    withTransaction(db, async (trx) => {
      const stack = found(await referStack(trx, params), params);
      const removed = await removeIgnore(trx, stack.id, params.rule, caller.principal);
      const { rule, isNew } = foundHere(removed, "ignore rule", params.rule);
      if (isNew) await audit(trx, caller, "drift.ignore_removed", params, { rule: rule.id, urn: rule.urn });
      return rule;
    }),
  );

  serve(app, endpoints.listDriftVolatile, async ({ params }) => {
    const stack = found(await referStack(db, params), params);
    return { items: await listVolatile(db, stack.id) };
  });

  serve(app, endpoints.switchDriftVolatile, ({ params, body, caller }) =>
    withTransaction(db, async (trx) => {
      const stack = found(await referStack(trx, params), params);
      const known = await switchVolatile(trx, stack.id, body, caller.principal);
      const all = known ? await listVolatile(trx, stack.id) : [];
      const one = all.find(({ urn, path }) => urn === body.urn && path === body.path);
      const learned = foundHere(one, "learned output", body.path);
      await audit(trx, caller, "drift.volatile_switched", params, body);
      return learned;
    }),
  );
}

/** The check that has waited for a day, with what it waits for at this moment. */
async function overdueOf(db: Database, stackId: string): Promise<StackDrift["overdue"]> {
  const found = await findOverdue(db, stackId);
  if (found === undefined) return null;
  const { deploymentId, since } = found;
  const waiting = (await readWaiting(db, [stackId])).get(deploymentId)?.waiting;
  return { deploymentId, since: since.toISOString(), why: waiting?.detail ?? "Its turn has just come." };
}

function shown<Item extends { place: unknown }>({ place: _, ...item }: Item): Omit<Item, "place"> {
  return item;
}

function foundHere<T>(value: T | undefined, what: string, id: string): T {
  if (value !== undefined) return value;
  throw new SlipwayError("not_found", `The stack has no ${what} ${id}.`, {
    remedy: "List them, and name one of the list.",
  });
}

async function audit(
  trx: Transaction,
  caller: Caller,
  action: string,
  { organisation, project, stack }: StackPath,
  details: Record<string, unknown>,
): Promise<void> {
  const subject = `${organisation}/${project}/${stack}`;
  await appendAudit(trx, { ...caller, action, organisation, subject, details });
}
