import type { FastifyInstance } from "fastify";
import { missing } from "../access/missing.ts";
import { endpoints } from "../contract/endpoints.ts";
import type { Database } from "../database.ts";
import { readStatus } from "../deployments/store.ts";
import { SlipwayError } from "../errors.ts";
import { serve } from "../http/endpoint.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { movedSince } from "./stale.ts";
import { readSeal } from "./store.ts";

/** Routes of seals. */
export function sealRoutes(app: FastifyInstance, { db, keyring }: { db: Database; keyring: Keyring }): void {
  serve(app, endpoints.getSeal, async ({ params: { id } }) => {
    const found = await readSeal(db, id);
    if (found === undefined) {
      if ((await readStatus(db, id)) === undefined) throw missing.deployment(id);
      throw new SlipwayError("not_found", "The deployment has not been sealed: that follows its preview.", {
        remedy: `GET /v1/deployments/${id} says how far it has come.`,
      });
    }
    const { stackId, facts, ended, ...seal } = found;
    // Its own end has moved the state; nobody decides about it any more.
    return { ...seal, moved: ended ? [] : await movedSince(db, keyring, stackId, facts) };
  });
}
