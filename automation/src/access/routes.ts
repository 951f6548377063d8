import type { FastifyInstance } from "fastify";
import { endpoints } from "../contract/endpoints.ts";
import type { Database } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { serve } from "../http/endpoint.ts";
import { groupRoutes } from "./group-routes.ts";
import { memberRoutes } from "./member-routes.ts";
import { readerRoutes } from "./reader-routes.ts";
import { signInRoutes } from "./sign-in-routes.ts";
import { tokenRoutes } from "./token-routes.ts";

/** Routes of access: who asks, organisations and their members, tokens, readers of outputs, sign-ins, groups. */
export function accessRoutes(app: FastifyInstance, { db }: { db: Database }): void {
  serve(app, endpoints.whoami, ({ request }) => {
    if (request.principal === null)
      throw new SlipwayError("unauthenticated", "The request carries no token.");
    return Promise.resolve(request.principal);
  });
  tokenRoutes(app, { db });
  memberRoutes(app, { db });
  readerRoutes(app, { db });
  signInRoutes(app, { db });
  groupRoutes(app, { db });
}
