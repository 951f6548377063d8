import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from "fastify";
import type { Actor, Verb } from "../../access/rules.ts";
import type { Database } from "../../database.ts";
import type { Needs } from "./auth.ts";
import { actorOfRequest } from "./auth.ts";
import { SMALL_BODY_BYTES } from "./bodies.ts";
import { stackOf } from "./context.ts";
import type { StackContext } from "./stacks-store.ts";

/** A route below /api. */
export interface ApiRoute {
  method: HTTPMethods | HTTPMethods[];
  /** Fastify form, below /api. */
  path: string;
  needs: Needs;
  /** Largest body after decompression; small unless stated. */
  bodyLimitBytes?: number;
}

/** Path of a stack, below /api. */
export const STACK_PATH = "/stacks/:organisation/:project/:stack";

/** Registers one route of the service API. `null` answers 204. */
export function apiRoute(
  app: FastifyInstance,
  route: ApiRoute,
  handle: (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>,
): void {
  app.route({
    method: route.method,
    url: route.path,
    bodyLimit: route.bodyLimitBytes ?? SMALL_BODY_BYTES,
    // The CLI sends and reads gzip and nothing else; state/api/bodies.ts unpacks what comes in.
    compress: { encodings: ["gzip"] },
    decompress: false,
    // The CLI never tries again after a 429: an update would lose its state.
    config: {
      permission: "state-api",
      needs: route.needs,
      rateLimit: false,
      ...(route.needs === "update-token" ? { pressureHandler: acceptUnderPressure } : {}),
    },
    schema: { hide: true },
    handler: async (request, reply) => {
      const answer = await handle(request, reply);
      if (answer === null) return reply.code(204).send();
      return answer;
    },
  });
}

/** The CLI tries a write again for seven seconds only, and without it the state lacks what was done: an overload must not refuse it. */
function acceptUnderPressure(): void {
  // Nothing is answered, so that the request goes on to its handler.
}

/** What a handler of a stack's route gets. */
export interface StackCall {
  stack: StackContext;
  actor: Actor;
  request: FastifyRequest;
  reply: FastifyReply;
}

/** A route below a stack's path: `path` starts with a slash, or is empty for the stack itself. */
export interface StackRoute extends ApiRoute {
  needs: Verb;
  /** Also answers under a name that the stack had before it was renamed. */
  aliases?: boolean;
}

/** Registers a route of one stack, which the actor can see and do `needs` on: 404 for a stack that it may not even read, 403 for a verb that it lacks. */
export function stackRoute(
  app: FastifyInstance,
  db: Database,
  route: StackRoute,
  handle: (call: StackCall) => Promise<unknown>,
): void {
  apiRoute(app, { ...route, path: `${STACK_PATH}${route.path}` }, async (request, reply) => {
    const stack = await stackOf(db, request, route.needs, { aliases: route.aliases === true });
    return handle({ stack, actor: actorOfRequest(request), request, reply });
  });
}
