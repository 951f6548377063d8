import type { FastifyInstance, FastifyRequest, RouteOptions } from "fastify";
import { actorOf } from "../access/actor.ts";
import type { Subject } from "../access/authorise.ts";
import { authorise } from "../access/authorise.ts";
import type { Actor } from "../access/rules.ts";
import { looksLikeToken } from "../access/token.ts";
import type { Principal } from "../contract/access.ts";
import { Verb } from "../contract/access.ts";
import type { Permission } from "../contract/endpoint.ts";
import type { Database } from "../database.ts";
import { SlipwayError } from "../errors.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Who asks; null before authentication and on public routes. */
    principal: Principal | null;
    /** The same with what it may do. */
    actor: Actor | null;
  }
  interface FastifyContextConfig {
    /** What a caller needs. `public`: probes and files that hold nothing of the installation. `state-api`: state/api/auth.ts asks for it. */
    permission?: Permission | "public" | "state-api";
    /** What the parameter `id` names. */
    about?: "deployment" | "update" | "delivery";
  }
}

/** Requires a token on every route that does not state `public`, also on addresses that do not exist. */
export function guardRoutes(app: FastifyInstance, db: Database): void {
  app.decorateRequest("principal", null);
  app.decorateRequest("actor", null);
  const routes: RouteOptions[] = [];
  app.addHook("onRoute", (route) => {
    routes.push(route);
  });
  // Not before all are there: a plugin's scope states the permission of its own routes.
  app.addHook("onReady", (done) => {
    const open = routes.find((route) => route.config?.permission === undefined);
    if (open === undefined) done();
    else done(new Error(`the route ${String(open.method)} ${open.url} does not state its permission`));
  });
  app.addHook("onRequest", async (request) => {
    const permission = request.routeOptions.config.permission;
    if (permission === "state-api" || (permission === "public" && !request.is404)) return;
    await authenticate(db, request);
  });
  // After validation: what the request names has its form.
  app.addHook("preHandler", async (request) => {
    const { permission, about } = request.routeOptions.config;
    const verb = Verb.safeParse(permission);
    if (!verb.success) return;
    if (request.actor === null) throw unauthenticated("The request carries no token.");
    await authorise(db, request.actor, verb.data, subjectOf(request, about));
  });
}

/** Finds the principal of the request's bearer token. Throws SlipwayError `unauthenticated`. */
export async function authenticate(db: Database, request: FastifyRequest): Promise<Principal> {
  const token = /^Bearer ([\x21-\x7e]+)$/i.exec(request.headers.authorization ?? "")?.[1];
  if (token === undefined) throw unauthenticated("The request carries no token.");
  if (!looksLikeToken(token)) throw unauthenticated("What the request carries is not a whole token.");
  const actor = await actorOf(db, token);
  if (actor === undefined) throw unauthenticated("The token is not known here, was revoked or has expired.");
  request.actor = actor;
  request.principal = { id: actor.id, kind: actor.kind, name: actor.name };
  return request.principal;
}

interface Names {
  organisation?: string;
  project?: string;
  stack?: string;
  id?: string;
}

/** What a request names in its address, else in its body. */
function subjectOf(
  request: FastifyRequest,
  about: "deployment" | "update" | "delivery" | undefined,
): Subject {
  const params = (request.params ?? {}) as Names;
  if (about !== undefined) return { kind: about, id: params.id ?? "" };
  const { organisation, project, stack } =
    params.organisation === undefined ? ((request.body ?? {}) as Names) : params;
  if (organisation === undefined) return { kind: "installation" };
  if (project === undefined) return { kind: "organisation", organisation };
  if (stack === undefined) return { kind: "project", organisation, project };
  return { kind: "stack", organisation, project, stack };
}

function unauthenticated(detail: string): SlipwayError {
  return new SlipwayError("unauthenticated", detail, {
    remedy:
      "Send 'Authorization: Bearer <token>'; the owner's token is in the file owner-token of the data folder.",
  });
}
