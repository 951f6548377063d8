import type { z } from "zod";
import type { Endpoint } from "../contract/endpoint.ts";
import type { EndpointName } from "../contract/endpoints.ts";
import { endpoints } from "../contract/endpoints.ts";
import type { DeploymentEvent } from "../contract/events.ts";
import type { UpdateEvent } from "../contract/updates.ts";
import type { Connection } from "./call.ts";
import { call } from "./call.ts";
import type { FollowOptions } from "./follow.ts";
import { followEvents, followUpdate } from "./follow.ts";

export type { Connection } from "./call.ts";
export * from "./claims.ts";
export type { FollowOptions } from "./follow.ts";
export * from "./formats.ts";
export type { DiffLine } from "./line-diff.ts";
export * from "./moved.ts";
export * from "./pauses.ts";
export * from "./planned-resources.ts";
export * from "./preview-graph.ts";
export { ProblemError } from "./problem-error.ts";
export * from "./progress.ts";
export * from "./property-diff.ts";
export * from "./remedies.ts";
export * from "./resource-tree.ts";

type Endpoints = typeof endpoints;
type Flat<T> = { [Key in keyof T]: T[Key] };
/** What may be left out is what the schema lets out, but the types are those after parsing: in a URL all is text. */
type Text<Schema extends z.ZodType> = {
  [Key in keyof z.input<Schema>]: Key extends keyof z.output<Schema>
    ? z.output<Schema>[Key] | undefined
    : never;
};
/** A part is required when it has a required field, optional when all are optional, absent when the endpoint has none. */
type Part<Name extends string, Value> =
  Record<never, never> extends Value ? { [Key in Name]?: Value } : { [Key in Name]: Value };
type Params<E> = E extends { params: infer Schema extends z.ZodType }
  ? Part<"params", Text<Schema>>
  : unknown;
type Query<E> = E extends { query: infer Schema extends z.ZodType } ? Part<"query", Text<Schema>> : unknown;
type Body<E> = E extends { body: infer Schema extends z.ZodType } ? Part<"body", z.input<Schema>> : unknown;
interface Common {
  signal?: AbortSignal;
  headers?: Readonly<Record<string, string>>;
}
type Key<E> = E extends { idempotent: true } ? { idempotencyKey?: string } : unknown;
/** What a method of the client takes: `{params, query, body}` of its endpoint, an Idempotency-Key where it counts, a signal. */
export type Input<E extends Endpoint> = Flat<Params<E> & Query<E> & Body<E> & Key<E> & Common>;
/** What it answers. */
export type Output<E extends Endpoint> = E["success"]["body"] extends z.ZodType
  ? z.output<E["success"]["body"]>
  : undefined;

type Method<E extends Endpoint> =
  Record<never, never> extends Input<E>
    ? (input?: Input<E>) => Promise<Output<E>>
    : (input: Input<E>) => Promise<Output<E>>;

/** A method for each row of contract/endpoints.ts, and the live events of a deployment or of an update. */
export type Client = { readonly [Name in EndpointName]: Method<Endpoints[Name]> } & {
  followEvents(id: string, options?: FollowOptions): AsyncGenerator<DeploymentEvent, void, undefined>;
  followUpdate(id: string, options?: FollowOptions): AsyncGenerator<UpdateEvent, void, undefined>;
};

/**
 * A client of one server. Methods throw ProblemError for what the server refuses, SlipwayError `server_unreachable` when
 * nothing answers and `unexpected_answer` when the answer is not of this version. Speaks to nobody before the first call.
 */
export function createClient(connection: Connection): Client {
  const methods = Object.entries<Endpoint>(endpoints).map(([name, endpoint]) => [
    name,
    (input = {}) => call(connection, endpoint, input),
  ]);
  return {
    ...(Object.fromEntries(methods) as Omit<Client, "followEvents" | "followUpdate">),
    followEvents: (id, options) => followEvents(connection, id, options),
    followUpdate: (id, options) => followUpdate(connection, id, options),
  } as Client;
}
