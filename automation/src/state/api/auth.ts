import type { FastifyInstance, FastifyRequest } from "fastify";
import { actorOf } from "../../access/actor.ts";
import type { Actor, Verb } from "../../access/rules.ts";
import type { Database } from "../../database.ts";
import { SlipwayError } from "../../errors.ts";

/** What a request must present: nothing, an access token, an access token whose actor `can` do this, or the token of an update. */
export type Needs = "nothing" | "access-token" | "update-token" | Verb;

declare module "fastify" {
  interface FastifyRequest {
    /** As it came, on the routes of a running update; whoever writes compares it in the transaction of the write. */
    updateToken: string | null;
  }
  interface FastifyContextConfig {
    /** Of routes below /api. */
    needs?: Needs;
  }
}

const HEADER = /^(token|update-token) ([\x21-\x7e]{1,500})$/i;

/** Requires on every route of this scope what it states that it needs; a route that states nothing fails the start. */
export function guardApi(app: FastifyInstance, db: Database): void {
  app.decorateRequest("updateToken", null);
  app.addHook("onRoute", (route) => {
    if (route.config?.needs === undefined) {
      throw new Error(`the route ${String(route.method)} ${route.url} does not state what it needs`);
    }
  });
  app.addHook("onRequest", async (request) => {
    const { needs } = request.routeOptions.config;
    if (needs === "nothing") return;
    const [, scheme, token] = HEADER.exec(request.headers.authorization ?? "") ?? [];
    if (needs === "update-token") {
      if (scheme?.toLowerCase() !== "update-token" || token === undefined) throw wrongScheme();
      request.updateToken = token;
      return;
    }
    if (scheme?.toLowerCase() !== "token" || token === undefined)
      throw loginRequired("carries no access token");
    const actor = await actorOf(db, token);
    if (actor === undefined)
      throw loginRequired("carries a token that is not known here, has expired or was revoked");
    request.actor = actor;
  });
}

/** Who asks. Only for routes that need an access token. */
export function actorOfRequest(request: FastifyRequest): Actor {
  if (request.actor === null) throw new Error("this route asks for no access token");
  return request.actor;
}

/** The raw token of the update. Only for routes that need one. */
export function updateTokenOf(request: FastifyRequest): string {
  if (request.updateToken === null) throw new Error("this route asks for no update token");
  return request.updateToken;
}

function wrongScheme(): SlipwayError {
  return new SlipwayError("unauthenticated", "Only the token of the running update may write here.");
}

function loginRequired(what: string): SlipwayError {
  return new SlipwayError("unauthenticated", `The request ${what}.`, {
    remedy: "Log in again: pulumi login <address of Slipway>.",
  });
}
