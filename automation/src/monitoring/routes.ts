import type { FastifyInstance } from "fastify";
import { appendAudit } from "../audit/store.ts";
import { subjectOf } from "../audit/subject.ts";
import { endpoints } from "../contract/endpoints.ts";
import { InstantPlace } from "../database/instant-cursor.ts";
import type { Database } from "../database.ts";
import { withTransaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { decodeCursor, pageFrom } from "../http/cursor.ts";
import { serve } from "../http/endpoint.ts";
import * as store from "./alarms-store.ts";

/** Routes of what the detector has found. */
export function monitoringRoutes(app: FastifyInstance, { db }: { db: Database }): void {
  serve(app, endpoints.listAlarms, async ({ query }) => {
    const after = decodeCursor(query.after, InstantPlace);
    const rows = await store.listAlarms(db, { open: query.open === "true", after, limit: query.limit });
    return pageFrom(
      rows,
      query.limit,
      ({ place: _, ...alarm }) => alarm,
      ({ place }) => place,
    );
  });

  serve(app, endpoints.acknowledgeAlarm, async ({ params, caller }) =>
    withTransaction(db, async (trx) => {
      const isNew = await store.acknowledge(trx, params.id, caller.principal);
      const alarm = await store.findAlarm(trx, params.id);
      if (alarm === undefined) {
        throw new SlipwayError("not_found", "There is no such alarm.", { remedy: "List the alarms." });
      }
      if (isNew) {
        await appendAudit(trx, {
          principal: caller.principal,
          action: "alarm.acknowledged",
          organisation: alarm.organisation,
          subject: subjectOf(alarm),
          details: { alarm: alarm.id },
          requestId: caller.requestId,
        });
      }
      return alarm;
    }),
  );
}
