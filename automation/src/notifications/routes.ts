import { randomUUID } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { notificationEndpoints as endpoints } from "../contract/notification-endpoints.ts";
import type { DeliveryDetail, DestinationPath } from "../contract/notifications.ts";
import { InstantPlace } from "../database/instant-cursor.ts";
import type { Database, Transaction } from "../database.ts";
import { withTransaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { decodeCursor, pageFrom } from "../http/cursor.ts";
import { serve } from "../http/endpoint.ts";
import { auditDestination } from "./audit.ts";
import { destinationRoutes } from "./destination-routes.ts";
import type { StoredDestination } from "./destinations-store.ts";
import { findDestination } from "./destinations-store.ts";
import * as history from "./history-store.ts";
import { enqueueNotification, recordRoutes } from "./outbox-store.ts";
import { noDelivery, noDestination, paused } from "./refusals.ts";
import type { NotificationRoutesOptions } from "./routes-options.ts";
import { RETRY_POLICY } from "./rules.ts";

/** Routes of destinations and of what was sent to them. */
export function notificationRoutes(app: FastifyInstance, options: NotificationRoutesOptions): void {
  const { db } = options;
  destinationRoutes(app, options);

  serve(app, endpoints.listDeliveries, async ({ params, query }) => {
    const rows = await history.listDeliveries(db, {
      ...params,
      status: query.status,
      destination: query.destination,
      after: decodeCursor(query.after, InstantPlace),
      limit: query.limit,
    });
    return pageFrom(
      rows,
      query.limit,
      ({ place: _, ...delivery }) => delivery,
      ({ place }) => place,
    );
  });

  serve(app, endpoints.getDelivery, async ({ params }) => readDelivery(db, params));

  serve(app, endpoints.testDestination, async ({ params, caller }) =>
    withTransaction(db, async (trx) => {
      const destination = await lockUnpaused(trx, params);
      const notification = await enqueueNotification(trx, {
        organisation: params.organisation,
        kind: "notification.test",
        subject: `${params.organisation}/notifications/${params.destination}`,
        body: {
          what: "This is a test of this destination: nothing has happened.",
          who: caller.principal,
          why: null,
          nextAction: null,
          page: `/notifications?organisation=${params.organisation}`,
        },
        dedupeKey: randomUUID(),
        onlyDestination: destination.id,
      });
      if (notification === null) throw new Error("a test message has the key of another");
      const [delivery] = await recordRoutes(trx, notification, [destination.id], RETRY_POLICY.horizonMs);
      if (delivery === undefined) throw new Error("a destination that is locked is not there");
      await auditDestination(trx, caller, params, "destination.tested", { delivery });
      return readDelivery(trx, { organisation: params.organisation, delivery });
    }),
  );

  serve(app, endpoints.resendDelivery, async ({ params, caller }) =>
    withTransaction(db, async (trx) => {
      const found = await history.lockForResend(trx, params);
      if (found === undefined) throw noDelivery(params.delivery);
      if (found.status !== "dead") {
        throw new SlipwayError("conflict", `This message was not given up: it is ${found.status}.`, {
          remedy: "Only what was given up is sent again.",
        });
      }
      if (found.isRemoved)
        throw new SlipwayError("conflict", `The destination ${found.destination} was removed.`);
      if (found.isPaused) throw paused(found.destination);
      await history.resend(trx, params.delivery, RETRY_POLICY.horizonMs);
      const path = { organisation: params.organisation, destination: found.destination };
      await auditDestination(trx, caller, path, "notification.resent", { delivery: params.delivery });
      return readDelivery(trx, params);
    }),
  );

  serve(app, endpoints.resendDeadOfDestination, async ({ params, caller }) =>
    withTransaction(db, async (trx) => {
      const destination = await lockUnpaused(trx, params);
      const resent = await history.resendDead(trx, destination.id, RETRY_POLICY.horizonMs);
      if (resent > 0)
        await auditDestination(trx, caller, params, "notification.resent", { messages: resent });
      return { resent };
    }),
  );
}

async function readDelivery(
  db: Database,
  path: { organisation: string; delivery: string },
): Promise<DeliveryDetail> {
  const found = await history.findDelivery(db, path);
  if (found === undefined) throw noDelivery(path.delivery);
  return found;
}

async function lockUnpaused(trx: Transaction, path: DestinationPath): Promise<StoredDestination> {
  const destination = await findDestination(trx, path, { lock: true });
  if (destination === undefined) throw noDestination(path);
  if (destination.pausedAt !== null) throw paused(path.destination);
  return destination;
}
