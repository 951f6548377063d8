import type { FastifyInstance } from "fastify";
import { missing } from "../access/missing.ts";
import { listableOrganisations } from "../access/rules.ts";
import { appendAudit } from "../audit/store.ts";
import { TERMINAL_STATUSES } from "../contract/deployments.ts";
import { endpoints } from "../contract/endpoints.ts";
import type { StackDelivery } from "../contract/stack-deliveries.ts";
import { InstantPlace } from "../database/instant-cursor.ts";
import type { Transaction } from "../database.ts";
import { withTransaction } from "../database.ts";
import { cancelDeployment } from "../deployments/cancel.ts";
import { SlipwayError } from "../errors.ts";
import { decodeCursor, pageFrom } from "../http/cursor.ts";
import type { Caller } from "../http/endpoint.ts";
import { serve } from "../http/endpoint.ts";
import { changeOnce } from "../http/idempotency.ts";
import type { DeliveryOptions } from "./create.ts";
import { createDelivery, prepareDelivery } from "./create.ts";
import type { DeliveryRow } from "./store.ts";
import * as store from "./store.ts";

/** Routes of deliveries: one release brought to several stacks. */
export function deliveryRoutes(app: FastifyInstance, options: DeliveryOptions): void {
  const { db } = options;

  serve(app, endpoints.createStackDelivery, async (call) =>
    changeOnce(db, endpoints.createStackDelivery, call, {
      prepare: () => prepareDelivery(options, call.body),
      apply: async (trx, prepared) => {
        const created = await createDelivery(trx, options, call.body, prepared, call.caller);
        return { body: store.shownDelivery(created), location: `/v1/deliveries/${created.id}` };
      },
    }),
  );

  serve(app, endpoints.listStackDeliveries, async ({ query, actor }) =>
    pageFrom(
      await store.listDeliveries(db, {
        ...query,
        within: listableOrganisations(actor),
        after: decodeCursor(query.after, InstantPlace),
      }),
      query.limit,
      store.shownDelivery,
      ({ place }) => place,
    ),
  );

  serve(app, endpoints.getStackDelivery, async ({ params: { id } }) =>
    store.shownDelivery(found(await store.findDelivery(db, id), id)),
  );

  serve(app, endpoints.pauseStackDelivery, ({ params: { id }, caller }) =>
    change(id, "paused", caller, async (trx, delivery) => {
      if (delivery.paused) return false;
      await store.setPaused(trx, id, caller.principal);
      return true;
    }),
  );

  serve(app, endpoints.resumeStackDelivery, ({ params: { id }, caller }) =>
    change(id, "resumed", caller, async (trx, delivery) => {
      if (!delivery.paused) return false;
      await store.setPaused(trx, id, null);
      return true;
    }),
  );

  serve(app, endpoints.cancelStackDelivery, ({ params: { id }, caller }) =>
    change(id, "cancelled", caller, async (trx, delivery) => {
      if (delivery.cancelled) return false;
      await store.setCancelled(trx, id, caller.principal);
      for (const { deployment } of delivery.stacks) {
        if (deployment === null || TERMINAL_STATUSES.includes(deployment.status)) continue;
        await cancelOne(trx, deployment.id, caller);
      }
      return true;
    }),
  );

  /** One that ended since it was read, or is being rolled back, has nothing left to cancel. */
  async function cancelOne(trx: Transaction, id: string, caller: Caller): Promise<void> {
    try {
      await cancelDeployment(trx, options, { id, caller });
    } catch (error) {
      if (!(error instanceof SlipwayError && error.code === "conflict")) throw error;
    }
  }

  /** A change of an open delivery with its audit entry; one that changes nothing leaves none. */
  function change(
    id: string,
    what: string,
    caller: Caller,
    apply: (trx: Transaction, delivery: DeliveryRow) => Promise<boolean>,
  ): Promise<StackDelivery> {
    return withTransaction(db, async (trx) => {
      const delivery = found(await store.lockDelivery(trx, id), id);
      if (delivery.endedAt !== null) {
        throw new SlipwayError("conflict", `The delivery has ended: ${delivery.outcome}.`, {
          remedy: "Ask for a new delivery of what is left.",
        });
      }
      if (await apply(trx, delivery)) {
        const { organisation, project } = delivery;
        await appendAudit(trx, {
          ...caller,
          // The end of a cancel is told once nothing runs any more.
          action: what === "cancelled" ? "delivery.cancel_requested" : `delivery.${what}`,
          organisation,
          subject: `${organisation}/${project}`,
          details: { delivery: id },
        });
      }
      return store.shownDelivery(found(await store.findDelivery(trx, id), id));
    });
  }
}

function found(delivery: DeliveryRow | undefined, id: string): DeliveryRow {
  if (delivery !== undefined) return delivery;
  throw missing.delivery(id);
}
