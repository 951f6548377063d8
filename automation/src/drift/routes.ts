import type { FastifyInstance } from "fastify";
import { endpoints } from "../contract/endpoints.ts";
import { InstantPlace } from "../database/instant-cursor.ts";
import type { Database } from "../database.ts";
import { decodeCursor, pageFrom } from "../http/cursor.ts";
import { serve } from "../http/endpoint.ts";
import { found } from "../stacks/routes.ts";
import { referStack } from "../stacks/store.ts";
import type { ListedDriftCheck } from "./store.ts";
import { listDriftChecks, nextDriftCheck } from "./store.ts";

/** Routes of what drift checks found. A check itself is a deployment with the operation detect-drift. */
export function driftRoutes(app: FastifyInstance, { db }: { db: Database }): void {
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
}

function shown({ place: _, ...check }: ListedDriftCheck) {
  return check;
}
