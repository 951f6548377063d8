import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { endpoints } from "../contract/endpoints.ts";
import type { Database } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { decodeCursor, pageFrom } from "../http/cursor.ts";
import { serve } from "../http/endpoint.ts";
import { found } from "../stacks/routes.ts";
import { referStack } from "../stacks/store.ts";
import { getRelease, listReleases } from "./store.ts";

const NumberPlace = z.tuple([z.int().min(1)]);

/** Routes of releases. */
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
}
