import type { FastifyInstance } from "fastify";
import { endpoints } from "../contract/endpoints.ts";
import { SlipwayError } from "../errors.ts";
import { serve } from "../http/endpoint.ts";

/** Routes of access. */
export function accessRoutes(app: FastifyInstance): void {
  serve(app, endpoints.whoami, ({ request }) => {
    if (request.principal === null)
      throw new SlipwayError("unauthenticated", "The request carries no token.");
    return Promise.resolve(request.principal);
  });
}
