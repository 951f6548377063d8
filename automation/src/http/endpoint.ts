import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { Actor } from "../access/rules.ts";
import type { Endpoint } from "../contract/endpoint.ts";
import { Problem } from "../contract/problems.ts";
import { SlipwayError } from "../errors.ts";
import { PROBLEM_TYPE } from "./problems.ts";

type Parsed<E extends Endpoint, Part extends "params" | "query" | "body"> =
  E extends Record<Part, infer Schema extends z.ZodType> ? z.output<Schema> : undefined;
/** What a handler answers: the body of the endpoint's success, null for none. */
export type Answer<E extends Endpoint> = E["success"]["body"] extends z.ZodType
  ? z.output<E["success"]["body"]>
  : null;

/** Who asks, as audit entries name it. */
export interface Caller {
  principal: string;
  requestId: string;
}

/** A request after validation. */
export interface Call<E extends Endpoint> {
  params: Parsed<E, "params">;
  query: Parsed<E, "query">;
  body: Parsed<E, "body">;
  caller: Caller;
  /** Who asks, with what they may do. */
  actor: Actor;
  request: FastifyRequest;
  reply: FastifyReply;
}

const nothing = z.strictObject({});
const noBody = nothing.nullish();
const problemResponse = {
  description: "Problem details (RFC 9457)",
  content: { [PROBLEM_TYPE]: { schema: Problem } },
};

/** Registers one row of contract/endpoints.ts with its handler. */
export function serve<E extends Endpoint>(
  app: FastifyInstance,
  endpoint: E,
  handle: (call: Call<E>) => Promise<Answer<E> | FastifyReply>,
): void {
  const { status, body } = endpoint.success;
  app.route({
    method: endpoint.method,
    url: endpoint.path,
    ...(endpoint.bodyLimitBytes === undefined ? {} : { bodyLimit: endpoint.bodyLimitBytes }),
    config: {
      permission: endpoint.permission,
      ...(endpoint.about === undefined ? {} : { about: endpoint.about }),
    },
    schema: {
      summary: endpoint.summary,
      tags: [tagOf(endpoint.path)],
      params: endpoint.params ?? nothing,
      querystring: endpoint.query ?? nothing,
      // An own schema for "no body", so that a body sent by mistake is refused and not ignored.
      ...(endpoint.method === "GET" ? {} : { body: endpoint.body ?? noBody }),
      ...(endpoint.idempotent === true ? { headers: IdempotencyHeaders } : {}),
      response: {
        [status]: body ?? z.null().describe("No content"),
        "4xx": problemResponse,
        "5xx": problemResponse,
      },
    },
    handler: async (request, reply) => {
      refuseUnstorableText([request.params, request.query, request.body]);
      reply.code(status);
      const answer = await handle({
        params: request.params,
        query: request.query,
        body: request.body,
        caller: callerOf(request),
        actor: actorIn(request),
        request,
        reply,
      } as Call<E>);
      // A stream has answered by itself: waiting for it ends with nothing, long after the answer.
      return answer ?? (reply.sent ? undefined : reply.send());
    },
  });
}

/** Loose: a request has many more headers. */
const IdempotencyHeaders = z.looseObject({
  "idempotency-key": z
    .string()
    .min(1)
    .max(200)
    .regex(/^[\x21-\x7e]+$/, "must be visible ASCII")
    .optional()
    .describe("Repeating a request with the same key gets the first answer and changes nothing"),
});

/** Who asks. Only for routes that require a token. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.principal === null) throw new Error("a public route has no caller");
  return { principal: request.principal.id, requestId: request.id };
}

/** Who asks, with what they may do. Only for routes that require a token. */
export function actorIn(request: FastifyRequest): Actor {
  if (request.actor === null) throw new Error("a public route has no actor");
  return request.actor;
}

/** Postgres stores neither NUL nor half of a surrogate pair; here they get a clear answer. */
function refuseUnstorableText(parts: readonly unknown[]): void {
  const place = parts
    .map((part, index) => badText(part, ["params", "query", "body"][index] ?? ""))
    .find(Boolean);
  if (place === undefined) return;
  const message = "must be text without NUL and without broken characters";
  throw new SlipwayError("invalid_request", `${place}: ${message}`, {
    details: { issues: [{ path: place, message }] },
  });
}

function badText(value: unknown, place: string): string | undefined {
  if (typeof value === "string") return value.includes("\0") || !value.isWellFormed() ? place : undefined;
  if (typeof value !== "object" || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    const found = badText(key, `${place}.(key)`) ?? badText(inner, `${place}.${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

const ACTIONS = new Set(["cancel", "consent", "continue", "hold", "lift"]);

function tagOf(path: string): string {
  const words = path.split("/").filter((part) => part !== "" && part !== "v1" && !part.startsWith(":"));
  // An action is listed with the noun that it is done to.
  const isAction = ACTIONS.has(words.at(-1) ?? "");
  return words.at(isAction ? -2 : -1) ?? "api";
}
