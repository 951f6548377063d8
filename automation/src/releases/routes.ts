import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { appendAudit } from "../audit/store.ts";
import { endpoints } from "../contract/endpoints.ts";
import { InstantPlace } from "../database/instant-cursor.ts";
import type { Database } from "../database.ts";
import { withTransaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { decodeCursor, pageFrom } from "../http/cursor.ts";
import { serve } from "../http/endpoint.ts";
import { found } from "../stacks/routes.ts";
import { referStack } from "../stacks/store.ts";
import { getRelease, liftQuarantine, listQuarantines, listReleases } from "./store.ts";

const NumberPlace = z.tuple([z.int().min(1)]);

/** Routes of releases and of quarantines. */
export function releaseRoutes(app: FastifyInstance, { db }: { db: Database }): void {
  serve(app, endpoints.listReleases, async ({ params, query }) => {
    const stack = found(await referStack(db, params), params);
    const before = decodeCursor(query.after, NumberPlace)?.[0];
    const releases = await listReleases(db, stack.id, { before, limit: query.limit + 1 });
    return pageFrom(
      releases,
      query.limit,
      (release) => release,
      ({ number }) => [number],
    );
  });

  serve(app, endpoints.getRelease, async ({ params }) => {
    const stack = found(await referStack(db, params), params);
    const release = await getRelease(db, stack.id, params.number);
    if (release !== undefined) return release;
    throw new SlipwayError("release_not_found", `The stack has no release ${params.number}.`, {
      remedy: "List its releases.",
    });
  });

  serve(app, endpoints.listQuarantines, async ({ params, query }) => {
    const stack = found(await referStack(db, params), params);
    const quarantines = await listQuarantines(db, stack.id, {
      lifted: query.lifted === "true",
      after: decodeCursor(query.after, InstantPlace),
      limit: query.limit,
    });
    return pageFrom(
      quarantines,
      query.limit,
      ({ place: _, ...quarantine }) => quarantine,
      ({ place }) => place,
    );
  });

  serve(app, endpoints.liftQuarantine, async ({ params, caller }) =>
    withTransaction(db, async (trx) => {
      const stack = found(await referStack(trx, params, { lock: true }), params);
      const { principal } = caller;
      const lifted = await liftQuarantine(trx, { stackId: stack.id, id: params.quarantine, principal });
      if (lifted === undefined) {
        throw new SlipwayError("not_found", "The stack has no such quarantine.", {
          remedy: "List its quarantines.",
        });
      }
      const { quarantine, isNew } = lifted;
      if (isNew) {
        const { organisation, project, stack: name } = params;
        const { id, kind, sourceDigest, configDigest } = quarantine;
        await appendAudit(trx, {
          ...caller,
          action: "quarantine.lifted",
          organisation,
          subject: `${organisation}/${project}/${name}`,
          details: { quarantine: id, kind, sourceDigest, configDigest },
        });
      }
      return quarantine;
    }),
  );
}
